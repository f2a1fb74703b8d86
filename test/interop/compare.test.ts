/** The command `compare` between a real view of Django REST Framework and our service. */
import t from 'tap'
import { run } from '../helpers/cli.js'
import { startService } from '../helpers/service.js'
import { addToken } from '../helpers/tokens.js'
import { startBoth } from './both.js'

const { django, service, key } = await startBoth(t, { settings: { FIRST_NAME_MAX_LENGTH: '150' } })
const { pool, makeGroup, makeUser } = service

async function compare(id: number, url = service.url) {
  const sides = ['--django', `${django.url}/admin`, '--service', `${url}/admin`]
  const ended = await run(['compare', ...sides, '--user', String(id), '--json'], {
    DJANGO_AUTHORIZATION: `Token ${await addToken(pool, await makeUser({ is_superuser: true, is_staff: true }))}`,
    SERVICE_AUTHORIZATION: `Bearer ${key}`,
  })
  const findings: any[] = ended.stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
  const named = (verdict: string) =>
    findings
      .filter((finding) => finding.verdict === verdict)
      .map(({ name }) => name.replace(/^user \d+: /, ''))
  return { ...ended, findings, named }
}

/** All that is stored of a user. */
async function stored(id: number) {
  const { rows } = await pool.query(
    `select u, array(select g from auth_user_groups g where user_id = u.id order by g) as groups,
       array(select p from auth_user_user_permissions p where user_id = u.id order by p) as permissions
     from auth_user u where id = $1`,
    [id],
  )
  return rows[0]
}

t.test('what differs is known, and nobody is changed', async (t) => {
  const groups = [await makeGroup(), await makeGroup()]
  const password = 'pbkdf2_sha256$260000$salt$aGFzaA=='
  const fields = { first_name: ' Ada', last_login: '2024-01-02T03:04:05.000006Z', username: 'ﬁn', password }
  const id = await makeUser({ ...fields, groups, user_permissions: [3, 1] })
  const before = await stored(id)
  const { status, stdout, stderr, findings, named } = await compare(id)
  t.strictSame(named('different'), [])
  t.strictSame(named('known'), [
    'read',
    'an empty PATCH',
    'what was read, sent back',
    'a time without zone',
    'is_staff a text',
    'groups as an object',
    'the id of another user',
    'a field that there is not',
    'without the final slash',
  ])
  t.match(
    { status, stderr },
    { status: 0, stderr: `${findings.length - 9} the same, 9 with known differences, 0 different.\n` },
  )
  t.notMatch(stdout, 'aGFzaA')
  t.strictSame(await stored(id), before)
})

t.test('names may be shorter than the project has them', async (t) => {
  const narrow = await startService(t, {}, service.database)
  const { status, findings, named } = await compare(await makeUser(), narrow.url)
  t.equal(status, 1)
  t.strictSame(named('different'), ['a first name of 31 characters'])
  t.match(findings.find(({ verdict }) => verdict === 'different').differences, [
    { at: '/first_name', django: 'allowed', service: 'refused' },
  ])
})
