/** `users update`: what is changed, what would be, and what is refused. */
import t from 'tap'
import type { User } from '../../../schemas/index.js'
import { verifyPassword } from '../../../src/domain/passwords/registry.js'
import { type Environment, run } from '../../helpers/cli.js'
import { startService } from '../../helpers/service.js'

const service = await startService(t)
const { pool, makeUser, makeGroup, makeCaller, findPermission } = service
const { key } = await makeCaller({ username: 'boss' })
const env: Environment = { USER_ADMIN_URL: service.url, USER_ADMIN_KEY: key }
const update = (args: string[], input = '', environment = env) =>
  run(['users', 'update', ...args], environment, input)

async function read(id: number): Promise<User> {
  const { body } = await service.request('GET', `/admin/users/${id}/`, { key })
  return body as User
}

t.test('fields are changed, and what was is told', async (t) => {
  const [first, second] = [await makeGroup(), await makeGroup()]
  const id = await makeUser({ username: 'ada', groups: [first], last_login: '2024-01-01T00:00:00Z' })
  const args = ['ada', 'is_staff=true', 'last_name=', 'last_login=null', `groups+=${second}`]
  const changed = await update(args)
  t.match(changed, { status: 0, stderr: '' })
  t.same(changed.stdout.trimEnd().split('\n').toSorted(), [
    `groups: [${first}] → [${first},${second}]`,
    'is_staff: false → true',
    'last_login: "2024-01-01T00:00:00Z" → null',
    'last_name: "Lovelace" → ""',
  ])
  t.match(await read(id), { is_staff: true, last_login: null, last_name: '', groups: [first, second] })
  t.match(await update(args), { status: 0, stdout: '', stderr: 'Nothing had to be changed.\n' })
  const removed = await update([String(id), `groups-=${first}`, '--json'])
  t.same(JSON.parse(removed.stdout), await read(id))
})

t.test('a JSON object, and a password that is no argument', async (t) => {
  const id = await makeUser({ username: 'grace' })
  const passwordOf = async () =>
    (await pool.query('select password from auth_user where id = $1', [id])).rows[0].password
  const set = await update(
    ['grace', '--password', '--json-body', '{"email": ""}', 'first_name=G'],
    's3cret-1\n',
  )
  t.match(set, { status: 0, stdout: /^password: /m })
  t.match(await read(id), { email: '', first_name: 'G' })
  t.equal(await verifyPassword('s3cret-1', await passwordOf()), true)
  const again = await update(['grace', '--json-body', '-'], '{"password": "s3cret-2"}')
  t.match(again, { status: 0, stdout: 'password: set\n' })
  t.equal(await verifyPassword('s3cret-2', await passwordOf()), true)
  t.notMatch(`${set.stdout}${set.stderr}${again.stdout}${again.stderr}`, /s3cret|argon2\$a/)
})

t.test('a dry run tells, and changes nothing', async (t) => {
  const viewUser = await findPermission('view_user')
  const id = await makeUser({ username: 'edsger' })
  const args = ['edsger', 'is_staff=true', `user_permissions+=${viewUser}`, '--dry-run']
  const { status, stdout } = await update(args)
  t.equal(status, 0)
  t.match(stdout, /^is_staff: false → true$/m)
  t.match(stdout, /^permissions gained: auth\.view_user$/m)
  const told = await update([...args, '--json'])
  t.match(JSON.parse(told.stdout), { changes: { is_staff: [false, true] }, side_effects: Object })
  t.match(await read(id), { is_staff: false, user_permissions: [] })
})

t.test('faults and refusals, a line for each field', async (t) => {
  const id = await makeUser({ username: 'alan' })
  const faulty = await update(['alan', 'username=a b', 'email=nowhere', 'groups+=999999'])
  t.match(faulty, { status: 1, stdout: '' })
  t.match(faulty.stderr, /^error: Invalid input\. \(400 invalid\)\n/)
  for (const field of ['username: Enter a valid', 'email: ', 'groups/0: Invalid id 999999'])
    t.match(faulty.stderr, `\n  ${field}`)

  const changeUser = await findPermission('change_user')
  const clerk = await makeCaller({ is_superuser: false, user_permissions: [changeUser] })
  const asClerk = { ...env, USER_ADMIN_KEY: clerk.key }
  const refused = await update(['alan', 'is_superuser=true', '--json'], '', asClerk)
  t.equal(refused.status, 1)
  t.match(JSON.parse(refused.stderr), {
    error: /^ {2}is_superuser: /m,
    problem: { code: 'permission_denied', errors: [{ pointer: '/is_superuser' }] },
  })
  t.match(await read(id), { is_superuser: false, username: 'alan' })
})

t.test('misuse is told before anything is asked', async (t) => {
  const cases: [string[], RegExp][] = [
    [[], /Say what to change/],
    [['--json-body', '{"password": "s3cret"}'], /use --password/],
    [['--json-body', '-'], /one JSON object/],
  ]
  const nowhere = { USER_ADMIN_URL: 'http://127.0.0.1:1', USER_ADMIN_KEY: 'x' }
  for (const [args, said] of cases) {
    const { status, stdout, stderr } = await update(['ada', ...args], '{"password": "s3cret"', nowhere)
    t.match({ status, stdout }, { status: 2, stdout: '' }, args.join(' '))
    t.match(stderr, said)
    t.notMatch(stderr, 's3cret')
  }
})

t.test('what others change meanwhile stays', async (t) => {
  const groups = [await makeGroup(), await makeGroup(), await makeGroup()]
  const id = await makeUser({ username: 'busy' })
  const ended = await Promise.all(groups.map((group) => update(['busy', `groups+=${group}`])))
  for (const { status, stderr } of ended) t.equal(status, 0, stderr)
  t.same((await read(id)).groups, groups)
})
