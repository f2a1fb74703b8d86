/** JSON Patch beside the other formats of a PATCH: media types, preferences, and one update from all of them. */
import t from 'tap'
import { from, LOGIN, op, pathOf, startPatching, TYPE } from '../helpers/json-patch.js'
import { eventsOf } from '../helpers/observe.js'
import { startService } from '../helpers/service.js'

const { request, makeUser, pool, key, A, B, C, tagOf, patchUser, refused } = await startPatching(t)

t.test('handling=lenient drops operations on what is unknown', async (t) => {
  const id = await makeUser()
  const headers = { prefer: 'handling=lenient' }
  const patch = [
    op('add', '/nickname', 'x'),
    op('replace', '/first_name', 'Grace'),
    from('copy', '/colour', '/last_name'),
    op('test', '/é"/x', 1),
  ]
  const answer = await patchUser(id, patch.slice(0, 3), { headers })
  t.strictSame(
    [answer.status, answer.body.first_name, answer.body.last_name],
    [200, 'Grace', 'Lovelace'],
    answer.text,
  )
  t.equal(answer.headers['dropped-fields'], '"/nickname", "/colour"')
  t.match(answer.headers['preference-applied'], /handling=lenient/)
  const escaped = await patchUser(id, [op('test', '/é"', 1)], { headers })
  t.strictSame([escaped.status, escaped.headers['dropped-fields']], [200, '"/%C3%A9%22"'])
  const odd = [
    op('add', '', {}),
    op('add', '/groups/x', A),
    op('test', '/password', 'x'),
    { op: 'x', path: '/first_name' },
  ]
  for (const operation of odd) await refused(t, [operation], 400, { sending: { headers } })
  t.equal((await patchUser(id, patch)).status, 400, 'without it they are refused')
})

t.test('all formats become the same update', async (t) => {
  const change = { first_name: ' Grace ', last_login: null, groups: [A, C] }
  const operations = [
    op('replace', '/first_name', ' Grace '),
    op('remove', '/last_login'),
    op('remove', '/groups/1'),
    op('add', '/groups/-', C),
  ]
  const outcomes = []
  for (const [type, body] of [
    ['application/json', change],
    ['application/merge-patch+json', change],
    [TYPE, operations],
  ] as const) {
    const id = await makeUser({ groups: [A, B], last_login: LOGIN })
    const { status, body: answered } = await patchUser(id, body, {
      tag: await tagOf(pathOf(id)),
      headers: { 'content-type': type },
    })
    const { id: _id, username: _name, email: _email, ...user } = answered
    const { target: _target, ...event } = (await eventsOf(pool, 'user.update', id))[0]
    outcomes.push({ status, user, event, events: (await eventsOf(pool, 'user.update', id)).length })
  }
  t.equal(outcomes[0]!.status, 200)
  t.strictSame(outcomes[1], outcomes[0])
  t.strictSame(outcomes[2], outcomes[0])
})

t.test('media types', async (t) => {
  const id = await makeUser()
  const all = 'application/json, application/merge-patch+json, application/json-patch+json'
  const body = JSON.stringify([op('replace', '/last_name', 'typed')])
  const call = (method: string, path: string, type: string) =>
    request(method, path, { key, rawBody: body, headers: { 'content-type': type } })
  for (const type of [
    'application/json-patch+json; charset=utf-8',
    'application/json-patch+json;charset="UTF-8"',
    'Application/JSON-Patch+JSON',
    'application/json-patch+json ; x=y',
  ])
    t.equal((await call('PATCH', pathOf(id), type)).status, 200, type)
  for (const type of [
    'application/json-patch',
    'application/json-patch+xml',
    'application/json-patch+json; charset=latin1',
    'application/json-patch+jsonx',
    'text/plain',
  ]) {
    const answer = await call('PATCH', pathOf(id), type)
    t.strictSame([answer.status, answer.headers['accept-patch']], [415, all], type)
  }
  t.equal((await call('PATCH', pathOf(id), 'application/json')).status, 400, 'a list is no user')
  const group = `/admin/groups/${A}/`
  for (const type of [TYPE, 'application/merge-patch+json']) {
    for (const [method, path] of [
      ['PUT', pathOf(id)],
      ['POST', '/admin/users/'],
      ['PATCH', '/admin/users/'],
      ['PUT', group],
      ['POST', '/admin/groups/'],
    ] as const)
      t.equal((await call(method, path, type)).status, 415, `${method} ${path} ${type}`)
  }
  for (const [path, types] of [
    [pathOf(id), all],
    [group, all],
    ['/admin/users/', 'application/json'],
  ] as const)
    t.equal((await request('OPTIONS', path, { key })).headers['accept-patch'], types, path)
  t.equal((await call('PATCH', '/admin/users/', TYPE)).headers['accept-patch'], 'application/json')
})

t.test('PATCH_REQUIRED is about fields that are sent, and a patch sends none', async (t) => {
  const { request, makeUser, makeCaller } = await startService(t, { PATCH_REQUIRED: 'username,password' })
  const { key } = await makeCaller()
  const path = pathOf(await makeUser())
  t.equal((await request('PATCH', path, { key, body: { first_name: 'x' } })).status, 400)
  for (const patch of [[], [op('replace', '/first_name', 'x')]]) {
    const rawBody = JSON.stringify(patch)
    const answer = await request('PATCH', path, { key, rawBody, headers: { 'content-type': TYPE } })
    t.equal(answer.status, 200, answer.text)
  }
})
