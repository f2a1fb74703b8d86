// Every list, item by item.
import { readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { type ListPath, makeClient } from '../../src/client/index.js'
import { startFaultProxy } from '../helpers/fault-proxy.js'
import { startService } from '../helpers/service.js'
import { fakeTiming } from './timing.js'

const service = await startService(t)
const { makeUser, makeGroup } = service
const { key, id: boss } = await service.makeCaller()
const client = makeClient({ baseUrl: service.url, key })

const PEOPLE = 7
const group = await makeGroup()
const people: number[] = []
for (let n = 0; n < PEOPLE; n++) people.push(await makeUser({ groups: [group], is_active: n % 2 === 0 }))

t.test('all pages, whatever their size, in the order that is asked for', async (t) => {
  for (const page_size of [1, 3, PEOPLE, 100]) {
    const ids: number[] = []
    const query = { group: String(group), ordering: '-id', page_size }
    for await (const user of client.list('/admin/users/', { params: { query } })) ids.push(user.id)
    t.same(ids, people.toReversed(), `pages of ${page_size}`)
  }
})

t.test('filters, and chosen fields', async (t) => {
  const query = { group: String(group), is_active: true, fields: 'username', page_size: 2 }
  const users: object[] = []
  for await (const user of client.list('/admin/users/', { params: { query } })) {
    // @ts-expect-error the fields were chosen: it may be absent
    const _name: string = user.username
    users.push(user)
  }
  t.equal(users.length, 4)
  t.same(Object.keys(users[0]!), ['username'])
})

t.test('who comes and goes meanwhile shifts nothing', async (t) => {
  const seen: number[] = []
  const query = { group: String(group), ordering: 'id', page_size: 2 }
  for await (const user of client.list('/admin/users/', { params: { query } })) {
    seen.push(user.id)
    // Before what is still to come: page numbers would now miss somebody.
    if (seen.length === 2)
      await client.DELETE('/admin/users/{id}/', { params: { path: { id: String(people[0]) } } })
  }
  t.same(seen, people)
})

t.test('a list below something', async (t) => {
  const ids: number[] = []
  const path = { id: String(group) }
  for await (const user of client.list('/admin/groups/{id}/users/', { params: { path } })) ids.push(user.id)
  t.same(ids.toSorted(), people.slice(1).toSorted())
})

t.test('every list of the document is one', async (t) => {
  const paths: Record<ListPath, true> = {
    '/admin/users/': true,
    '/admin/users/{id}/permissions/': true,
    '/admin/users/{id}/history/': true,
    '/admin/groups/': true,
    '/admin/groups/{id}/users/': true,
    '/admin/permissions/': true,
    '/admin/events/': true,
  }
  const document = parse(readFileSync('openapi.yaml', 'utf8'))
  const paged = Object.keys(document.paths).filter((path) =>
    document.paths[path].get?.parameters?.some(({ name }: { name: string }) => name === 'cursor'),
  )
  t.same(Object.keys(paths).toSorted(), paged.toSorted())
  // Types can say nothing of a path that is any of them.
  const list = client.list as (path: string, options: object) => AsyncGenerator<{ id: number }>
  for (const path of paged) {
    const id = path.includes('groups') ? group : boss
    let items = 0
    for await (const _item of list(path, { params: { path: { id: String(id) }, query: { page_size: 3 } } }))
      items++
    t.ok(items > 0 || path.includes('history'), path)
  }
})

t.test('a page that is lost is asked for again', async (t) => {
  const { url, seen } = await startFaultProxy(t, service.url, [undefined, 'unanswered', 'cut'])
  const fragile = makeClient({ baseUrl: url, key, timing: fakeTiming() })
  let items = 0
  const query = { group: String(group), page_size: 3 }
  for await (const _user of fragile.list('/admin/users/', { params: { query } })) items++
  t.equal(items, PEOPLE - 1)
  t.equal(seen.length, 4)
})

t.test('a refusal ends it', async (t) => {
  const stranger = makeClient({ baseUrl: service.url, key: 'wrong' })
  await t.rejects(stranger.list('/admin/users/').next(), { code: 'authentication_failed' })
  const signal = AbortSignal.abort(new Error('enough'))
  await t.rejects(client.list('/admin/groups/', { params: {}, signal }).next(), { message: 'enough' })
})
