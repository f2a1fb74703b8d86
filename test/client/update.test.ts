// Reading, changing and writing: nothing that others write meanwhile is lost.
import t from 'tap'
import { makeClient } from '../../src/client/index.js'
import { startFaultProxy } from '../helpers/fault-proxy.js'
import { startService } from '../helpers/service.js'
import { fakeTiming } from './timing.js'

const service = await startService(t, { REQUIRE_IF_MATCH: 'always' })
const { url: baseUrl, makeUser, makeGroup } = service
const { key } = await service.makeCaller()
const client = makeClient({ baseUrl, key })

t.test('the change is made to what is there, and answered', async (t) => {
  const [one, two] = [await makeGroup(), await makeGroup()]
  const id = await makeUser({ groups: [one] })
  const user = await client.update(id, async ({ groups }) => ({ groups: [...groups, two] }))
  t.same(user.groups, [one, two])
})

t.test('where somebody was faster, it is made to what they left', async (t) => {
  const id = await makeUser({ first_name: 'A' })
  const seen: string[] = []
  const user = await client.update(String(id), async ({ first_name }) => {
    seen.push(first_name)
    if (seen.length === 1) await client.update(id, () => ({ first_name: 'B' }))
    return { first_name: `${first_name}!` }
  })
  t.same(seen, ['A', 'B'])
  t.equal(user.first_name, 'B!')
})

t.test('of many who count at the same time, none is lost', async (t) => {
  const id = await makeUser({ first_name: '0' })
  const add = () =>
    client.update(id, ({ first_name }) => ({ first_name: String(Number(first_name) + 1) }), { attempts: 50 })
  await Promise.all(Array.from({ length: 8 }, add))
  t.equal((await client.update(id, () => undefined)).first_name, '8')
})

t.test('nothing to change is nothing written', async (t) => {
  const { url, seen } = await startFaultProxy(t, baseUrl)
  const id = await makeUser()
  const user = await makeClient({ baseUrl: url, key }).update(id, () => undefined)
  t.equal(user.id, id)
  t.same(
    seen.map(({ method }) => method),
    ['GET'],
  )
})

t.test('it gives up in the end', async (t) => {
  const id = await makeUser()
  let calls = 0
  const change = async () => {
    await client.update(id, () => ({ last_name: `Faster ${++calls}` }))
    return { first_name: 'Slower' }
  }
  await t.rejects(client.update(id, change, { attempts: 3 }), { code: 'precondition_failed' })
  t.equal(calls, 3)
})

t.test('an answer that was lost is no change by somebody else', async (t) => {
  const id = await makeUser({ first_name: 'A' })
  const { url, seen } = await startFaultProxy(t, baseUrl, [undefined, 'unanswered'])
  const fragile = makeClient({ baseUrl: url, key, timing: fakeTiming() })
  const user = await fragile.update(id, ({ first_name }) => ({ first_name: `${first_name}!` }))
  t.equal(user.first_name, 'A!')
  t.same(
    seen.map(({ method }) => method),
    ['GET', 'PATCH', 'PATCH'],
  )
})

t.test('refusals, and what the change throws, come through', async (t) => {
  const id = await makeUser()
  await t.rejects(
    client.update(id, () => ({ groups: [987_654] })),
    { code: 'invalid' },
  )
  await t.rejects(
    client.update(987_654, () => ({})),
    { code: 'not_found' },
  )
  const fault = new Error('no')
  const failing = () => {
    throw fault
  }
  await t.rejects(client.update(id, failing), fault)
  const gone = AbortSignal.abort(new Error('enough'))
  await t.rejects(
    client.update(id, () => ({}), { signal: gone }),
    { message: 'enough' },
  )
})

t.test('without an entity tag nothing is written', async (t) => {
  const id = await makeUser()
  const { body } = await service.request('GET', `/admin/users/${id}/`, { key })
  const headers = { 'content-type': 'application/json' }
  const { url, seen } = await startFaultProxy(t, baseUrl, [
    { status: 200, headers, body: JSON.stringify(body) },
  ])
  await t.rejects(
    makeClient({ baseUrl: url, key }).update(id, () => ({ first_name: 'Grace' })),
    { message: /without its ETag/ },
  )
  t.equal(seen.length, 1)
})

t.test('a group', async (t) => {
  const id = await makeGroup()
  const permission = await service.makePermission()
  const group = await client.updateGroup(id, ({ permissions }) => ({
    permissions: [...permissions, permission],
  }))
  t.same(group.permissions, [permission])
})
