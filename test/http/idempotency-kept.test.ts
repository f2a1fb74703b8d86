/** Which answers to an Idempotency-Key are kept, and for how long. */
import t from 'tap'
import {
  isReplay,
  type Keyed,
  nameOf,
  PATCH_TYPE,
  SETTINGS,
  startKeyed,
  unique,
  userPath,
  USERS,
} from '../helpers/idempotency.js'
import { startService } from '../helpers/service.js'
import { until } from '../helpers/until.js'

const service = await startKeyed(t)
const { request, makeUser, makeCaller, findPermission, pool } = service
const { root, A, send, countAnswers, everyRequest } = service

t.test('after a refusal the key may be used again', async (t) => {
  const staff = await makeCaller({
    is_superuser: false,
    user_permissions: [await findPermission('change_user')],
  })
  const id = await makeUser()
  const path = userPath(id)
  const append = { method: 'PATCH', path, type: PATCH_TYPE }
  const placed = userPath(await makeUser({ groups: [A] }))
  const { etag } = (await request('GET', placed, { key: root.key })).headers
  const cases: [status: number, refused: Keyed, accepted: Keyed, mend?: () => Promise<unknown>][] = [
    [
      400,
      { method: 'POST', path: USERS, body: { username: '' } },
      { method: 'POST', path: USERS, body: { username: unique('mended'), password: 'x' } },
    ],
    [
      400,
      { method: 'PATCH', path, body: { groups: [999_999] } },
      { method: 'PATCH', path, body: { groups: [A] } },
    ],
    [
      404,
      { method: 'PUT', path: `${path}groups/999999/` },
      { method: 'PUT', path: `${path}groups/999999/` },
      () => pool.query("insert into auth_group (id, name) values (999999, 'late')"),
    ],
    [
      412,
      { method: 'PATCH', path, body: { email: '' }, headers: { 'if-match': '"stale"' } },
      { method: 'PATCH', path, body: { email: '' }, headers: { 'if-match': '*' } },
    ],
    [
      409,
      { ...append, body: [{ op: 'test', path: '/first_name', value: 'no' }] },
      { ...append, body: [{ op: 'replace', path: '/first_name', value: 'yes' }] },
    ],
    [
      428,
      { ...append, path: placed, body: [{ op: 'remove', path: '/groups/0' }] },
      { ...append, path: placed, body: [{ op: 'remove', path: '/groups/0' }], headers: { 'if-match': etag } },
    ],
    [
      403,
      { method: 'PATCH', path, body: { is_superuser: true } },
      { method: 'PATCH', path, body: { last_name: 'Mended' } },
    ],
  ]
  for (const [status, refused, accepted, mend] of cases) {
    const key = unique('refused')
    const as = status === 403 ? staff.key : root.key
    const kept = await countAnswers()
    const answer = await send(refused, key, as)
    t.equal(answer.status, status, `${nameOf(refused)}: ${answer.text}`)
    t.equal(await countAnswers(), kept, 'a refusal is not kept')
    await mend?.()
    const mended = await send(accepted, key, as)
    t.strictSame(
      [mended.status < 300, isReplay(mended)],
      [true, false],
      `${nameOf(accepted)}: ${mended.text}`,
    )
    t.ok(isReplay(await send(accepted, key, as)))
  }
})

t.test('what does nothing keeps nothing', async (t) => {
  const id = await makeUser()
  const kept = await countAnswers()
  const dry = { method: 'PATCH', path: `${userPath(id)}?dry_run=true`, body: { first_name: 'Dry' } }
  const key = unique('dry')
  const [first, again] = [await send(dry, key), await send(dry, key)]
  t.strictSame([first.status, again.status, isReplay(again)], [200, 200, false])
  t.equal((await send({ method: 'PUT', path: `${userPath(id)}groups/${A}/?dry_run=true` }, key)).status, 200)
  t.equal((await send({ method: 'GET', path: userPath(id) }, key)).status, 200)
  for (const keyed of await everyRequest()) {
    const { status, headers } = await send(keyed)
    t.ok(status < 300 && headers['idempotent-replayed'] === undefined)
  }
  t.equal(await countAnswers(), kept)
  const real = await send({ ...dry, path: userPath(id) }, key)
  t.strictSame([real.status, isReplay(real)], [200, false], 'a dry run takes no key')
})

t.test('after 24 hours it is another request', async (t) => {
  const id = await makeUser()
  const keyed = { method: 'PATCH', path: userPath(id), body: { first_name: 'Aged' } }
  const key = unique('aged')
  const age = (interval: string) =>
    pool.query('update user_admin.idempotent_answer set answered_at = now() - $1::interval', [interval])
  await send(keyed, key)
  await age('23 hours 59 minutes')
  t.ok(isReplay(await send(keyed, key)))
  await age('24 hours 1 second')
  await pool.query("update auth_user set first_name = 'Other' where id = $1", [id])
  const anew = await send({ ...keyed, body: { first_name: 'Anew' } }, key)
  t.strictSame(
    [anew.status, isReplay(anew), anew.body.first_name],
    [200, false, 'Anew'],
    'whatever its body is',
  )
  t.ok(isReplay(await send({ ...keyed, body: { first_name: 'Anew' } }, key)), 'and is kept again')
  t.ok((await countAnswers()) > 1)
  await startService(t, SETTINGS, service.database)
  await until(async () => (await countAnswers()) < 2)
  t.equal(await countAnswers(), 1, 'what is old is removed at the start, and nothing else')
})
