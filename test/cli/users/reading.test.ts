/** `users list` and `users show`, as a person and as a script use them. */
import t from 'tap'
import { type Environment, run } from '../../helpers/cli.js'
import { startService } from '../../helpers/service.js'

const service = await startService(t)
const { makeUser, makeGroup, makeCaller, findPermission } = service
const { key } = await makeCaller({ username: 'boss' })
const env: Environment = { USER_ADMIN_URL: service.url, USER_ADMIN_KEY: key }
const users = (args: string[], environment = env) => run(['users', ...args], environment)
const linesOf = (text: string) => text.trimEnd().split('\n')

const viewUser = await findPermission('view_user')
const group = await makeGroup([viewUser])
const ada = await makeUser({
  username: 'ada',
  email: 'ada@example.com',
  is_staff: true,
  groups: [group],
  user_permissions: [viewUser],
  last_login: '2024-02-29T08:30:00.123456Z',
})
await makeUser({ username: 'grace', is_active: false, first_name: 'Gr\u001b[31mace' })
await makeUser({ username: '4711' })
await Promise.all(
  Array.from({ length: 1_200 }, (_, index) =>
    makeUser({ email: index < 200 ? 'x@example.com' : '', last_name: `many ${index}` }),
  ),
)

t.test('a table of those that all filters fit', async (t) => {
  const { status, stdout, stderr } = await users(['list', '--is-staff', 'true', '--ordering', 'username'])
  t.match({ status, stderr }, { status: 0, stderr: '' })
  const [head, first, second, ...more] = linesOf(stdout)
  t.match(head, /^ID +USERNAME +EMAIL +IS_ACTIVE +IS_STAFF +IS_SUPERUSER +LAST_LOGIN$/)
  t.match(first, new RegExp(`^${ada} +ada +ada@example\\.com +true +true +false +2024-02-29T08:30:00Z$`))
  t.match(second, /^\d+ +boss /)
  t.same(more, [])
  t.equal(head!.indexOf('USERNAME'), first!.indexOf('ada'), 'columns stand below each other')

  const member = ['--group', String(group), '--last-login-lt', '2024-03-01T00:00:00Z']
  const inGroup = await users(['list', ...member, '--fields', 'username,groups'])
  t.same(linesOf(inGroup.stdout), ['USERNAME  GROUPS', `ada       ${group}`])
  const found = await users(['list', '--search', 'example', '--fields', 'first_name'])
  t.ok(linesOf(found.stdout).length > 200, 'more than decide how wide the columns are')
  t.ok(linesOf(found.stdout).includes('Gr?[31mace'), 'a name can not steer the terminal')
  t.match(await users(['list', '--username', 'nobody']), {
    status: 0,
    stdout: '',
    stderr: 'Nobody fits.\n',
  })
})

t.test('for scripts, an object a line, page after page', async (t) => {
  const many = await users(['list', '--search', 'many', '--fields', 'id,last_name', '--json'])
  const listed = linesOf(many.stdout).map((line) => JSON.parse(line))
  t.equal(new Set(listed.map(({ id }) => id)).size, 1_200, 'more than a page has')
  t.same(Object.keys(listed[0]), ['id', 'last_name'])
  const [one, ...more] = linesOf((await users(['list', '--json', '--limit', '1'])).stdout)
  t.same(more, [])
  t.match(JSON.parse(one!), { groups: [], date_joined: String }, 'with all fields')
})

t.test('one user, by id or by username', async (t) => {
  const byId = await users(['show', String(ada)])
  t.match(byId, { status: 0, stderr: '' })
  t.match(byId.stdout, new RegExp(`^id +${ada}\n`))
  t.match(byId.stdout, /^password +!$/m, 'never a hash')
  t.match(byId.stdout, /^last_login +2024-02-29T08:30:00Z$/m)
  t.match(byId.stdout, new RegExp(`^groups +${group} \\(group-\\d+\\)$`, 'm'))
  t.match(byId.stdout, new RegExp(`^user_permissions +${viewUser} \\(auth\\.view_user\\)$`, 'm'))
  t.equal((await users(['show', 'ada'])).stdout, byId.stdout)
  const answer = await service.request('GET', `/admin/users/${ada}/`, { key })
  t.same(JSON.parse((await users(['show', 'ada', '--json'])).stdout), answer.body)

  const missing = await users(['show', '4711', '--json'])
  t.match(missing, { status: 1, stdout: '', stderr: /^\{.*\}\n$/ })
  t.match(JSON.parse(missing.stderr), { error: /404/, problem: { code: 'not_found', status: 404 } })
  t.match(await users(['show', '4711', '--by-username']), { status: 0, stdout: /^username +4711$/m })
  t.match(await users(['show', 'no body']), { status: 1, stderr: 'error: There is no user "no body".\n' })
})

t.test('names are told to those who may know them', async (t) => {
  const caller = await makeCaller({ is_superuser: false, user_permissions: [viewUser] })
  const { stdout } = await users(['show', 'ada'], { ...env, USER_ADMIN_KEY: caller.key })
  t.match(stdout, new RegExp(`^groups +${group}$`, 'm'))
})
