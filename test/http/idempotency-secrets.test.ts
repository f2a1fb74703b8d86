/** What is kept of answers: it holds no secret, and is told to nobody who may not make the request any more. */
import t from 'tap'
import { migrate } from '../../src/db/migrate.js'
import { createDatabase } from '../helpers/database.js'
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

const { makeUser, makeCaller, findPermission, pool, root, P, send, world, everyRequest } = await startKeyed(t)

t.test('a replay is for whoever still may make the request', async (t) => {
  const names = ['add_user', 'change_user', 'delete_user', 'add_group', 'change_group', 'delete_group']
  const rights = [...(await Promise.all(names.map(findPermission))), P]
  const requests = await everyRequest()
  const endings: [status: number, sql: string][] = [
    [401, 'update user_admin.api_key set revoked_at = now() where user_id = $1'],
    [403, 'delete from auth_user_user_permissions where user_id = $1'],
    [403, 'update auth_user set is_staff = false where id = $1'],
    [401, 'update auth_user set is_active = false where id = $1'],
  ]
  for (const [index, keyed] of requests.entries()) {
    const caller = await makeCaller({ is_superuser: false, user_permissions: rights, groups: [] })
    const key = unique('still')
    const first = await send(keyed, key, caller.key)
    const name = `${nameOf(keyed)} ${first.text}`
    t.ok(first.status < 300, name)
    t.ok(isReplay(await send(keyed, key, caller.key)), name)
    const [status, sql] = endings[index % endings.length]!
    await pool.query(sql, [caller.id])
    const after = await world()
    const answer = await send(keyed, key, caller.key)
    t.strictSame([answer.status, isReplay(answer)], [status, false], `${sql}: ${name}`)
    t.notMatch(answer.text, /username|results/, 'and nothing is told')
    t.strictSame(await world(), after)
  }
})

t.test('what is kept holds no secret', async (t) => {
  // Beside answers of all kinds, whose hashes must not be in them either.
  const made = Array.from({ length: 100 }, (): Keyed => {
    return { method: 'POST', path: USERS, body: { username: unique('many'), password: unique('many') } }
  })
  for (const each of [...(await everyRequest()), ...made]) {
    const { status, text } = await send(each, unique('many'))
    t.ok(status < 300, text)
  }
  const id = await makeUser({ password: 'pbkdf2_sha256$1$seasalt$aGFzaG9mc29tZXRoaW5n' })
  const other = await makeUser()
  const secrets = [
    'plain-Secret-1',
    'plain-Secret-2',
    'raw-Idempotency-Key',
    root.key,
    'seasalt',
    'aGFzaG9mc29tZXRoaW5n',
  ]
  const keyed = [
    { method: 'POST', path: USERS, body: { username: unique('secret'), password: secrets[0] } },
    { method: 'PATCH', path: userPath(id), body: { first_name: 'Secret' } },
    {
      method: 'PATCH',
      path: userPath(other),
      body: [{ op: 'add', path: '/password', value: secrets[1] }],
      type: PATCH_TYPE,
    },
    { method: 'PATCH', path: USERS, body: [{ id, password: secrets[0] }] },
    { method: 'PATCH', path: `${USERS}?atomic=false`, body: [{ id, password: secrets[1] }] },
  ]
  for (const [index, each] of keyed.entries()) {
    // Both of the last are of one path.
    const { status, text } = await send(each, `${secrets[2]}${index > 3 ? '-2' : ''}`)
    t.ok(status < 300, text)
  }
  const { rows } = await pool.query('select password from auth_user')
  secrets.push(...rows.flatMap(({ password }) => password.split('$').slice(2)))
  const text = (await world())['user_admin.idempotent_answer']!.join('\n')
  t.ok(text.includes('pbkdf2_sha256$********'), 'answers are in it')
  for (const secret of secrets) {
    const bytes = Buffer.from(secret)
    for (const form of [secret, bytes.toString('hex'), bytes.toString('base64')])
      t.notOk(text.includes(form), `${secret} is not`)
  }
})

t.test('fingerprints tell nothing across databases, or across keys', async (t) => {
  const seen: Buffer[] = []
  // Copies of one database have one secret, so the other is made anew.
  for (const template of ['migrated', 'empty'] as const) {
    const database = await createDatabase(t, { template })
    if (template === 'empty') await migrate(database.url)
    const other = await startService(t, SETTINGS, database)
    const { key } = await other.makeCaller({ username: 'root' })
    const id = await other.makeUser({ username: 'target' })
    for (const name of ['one', 'two']) {
      const { status } = await send(
        { method: 'PATCH', path: userPath(id), body: { first_name: 'x' } },
        name,
        key,
        other.request,
      )
      t.equal(status, 200)
    }
    const { rows } = await database.pool.query('select key, fingerprint from user_admin.idempotent_answer')
    t.equal(rows.length, 2)
    seen.push(...rows.flatMap(({ key, fingerprint }) => [key, fingerprint]))
  }
  t.equal(new Set(seen.map((bytes) => bytes.toString('hex'))).size, 8)
})
