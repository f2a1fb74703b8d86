/**
 * Both write at once, and to the same users. What Django writes without looking it may take back from us, as one Django does
 * from another: `save()` writes every column as it was read. But we take nothing back from Django; and whatever writes or
 * locks a user's row before its groups, as Django's admin does, never mixes with ours.
 */
import t from 'tap'
import { eventsOf } from '../helpers/observe.js'
import { type Answer, startService } from '../helpers/service.js'
import { saveUser } from './admin-form.js'
import { startBoth } from './both.js'
import { load, watch } from './load.js'
import { logIn } from './visitor.js'

const LOAD_MS = 5_000
const SETTINGS = { DJANGO_ADMIN_LOG: 'on' } as const

const { django, service, key } = await startBoth(t, { settings: SETTINGS })
const { pool, makeUser, makeGroup, database } = service
const services = [service, await startService(t, SETTINGS, database)] as const

const ascending = (ids: readonly number[]) => ids.toSorted((a, b) => a - b)
const groups = ascending(await Promise.all(Array.from({ length: 8 }, () => makeGroup())))
const SETS = [[0, 1, 2, 3], [4, 5, 6, 7], [0, 2, 4, 6], [7, 5], [], [3]].map((set) =>
  ascending(set.map((index) => groups[index]!)),
)
/** One of the sets, in another order for each writer. */
const setOf = (writer: number, round: number) => SETS[(round * (writer % 2 ? 5 : 1) + writer) % SETS.length]!
const isTorn = (ids: readonly number[]) => !SETS.some((set) => String(set) === String(ids))

const user = (username: string) => makeUser({ username, first_name: '0', last_name: '0' })
const columns = await user('columns')
const whole = await user('whole')
const edited = { one: await user('one'), other: await user('other') }

const editor = await makeUser({
  username: 'editor',
  password: await django.ask('make_password', { password: 'edits' }),
  is_staff: true,
  is_superuser: true,
})
const sessions = [await logIn(django, 'editor', 'edits'), await logIn(django, 'editor', 'edits')] as const

async function stored(id: number): Promise<{ first_name: string; last_name: string; groups: number[] }> {
  const { rows } = await pool.query(
    `select first_name, last_name,
       array(select group_id from auth_user_groups where user_id = u.id order by 1) as groups
     from auth_user u where id = $1`,
    [id],
  )
  return rows[0]
}

function expect(what: string, condition: boolean, found: unknown): void {
  if (!condition) throw new Error(`${what}: ${JSON.stringify(found)}`)
}

function expectStatus(expected: number, { status, text }: Answer): void {
  if (status !== expected) throw new Error(`${status} ${text.slice(0, 500)}`)
}

/** Through one of the services. */
async function patch(round: number, path: string, body: unknown): Promise<any> {
  const answer = await services[round % 2]!.request('PATCH', `/admin/users/${path}`, { key, body })
  expectStatus(200, answer)
  return answer.body
}

async function patchGroups(id: number, writer: number, round: number) {
  const set = setOf(writer, round)
  const { groups } = await patch(round + writer, `${id}/`, { groups: set })
  expect('the answer has the set that was sent', String(groups) === String(set), groups)
}

async function editGroups(who: keyof typeof edited, writer: number, round: number) {
  const form = { username: who, last_name: `${round}`, groups: setOf(writer, round) }
  expectStatus(302, await saveUser(sessions[writer % 2]!, edited[who], form))
}

const watcher = watch(async () => [(await stored(edited.one)).groups, (await stored(edited.other)).groups])
const { rounds, failures } = await load(
  {
    async 'we, a column that Django leaves alone'(round) {
      await patch(round, `${columns}/`, { first_name: `${round}` })
      expect('our name stays', (await stored(columns)).first_name === `${round}`, round)
    },
    async 'Django, save() of another column'(round) {
      await django.ask('save_only', { user: columns, fields: { last_name: `${round}` } })
      expect("Django's name stays", (await stored(columns)).last_name === `${round}`, round)
    },
    'we, a column that Django writes as it was read': (round) =>
      patch(round, `${whole}/`, { first_name: `${round}` }),
    async 'Django, save() of all columns'(round) {
      await django.ask('save', { user: whole, fields: { last_name: `${round}` } })
      expect("Django's name stays", (await stored(whole)).last_name === `${round}`, round)
    },
    'we, groups': (round) => patchGroups(edited.one, 0, round),
    'we, groups as well': (round) => patchGroups(edited.one, 1, round),
    'we, the groups of another user': (round) => patchGroups(edited.other, 2, round),
    'we, the groups of both at once': (round) =>
      patch(
        round,
        '',
        [edited.other, edited.one].map((id, index) => ({ id, groups: setOf(index, round) })),
      ),
    "Django's admin": (round) => editGroups('one', 3, round),
    "Django's admin, the other user": (round) => editGroups('other', 4, round),
    'Django, a row and its groups in one transaction': (round) =>
      django.ask('change', {
        user: edited.one,
        fields: { last_name: `${round}` },
        groups: setOf(5, round),
      }),
  },
  LOAD_MS,
)
const seen = (await watcher.stop()).flat()
t.comment(rounds)

t.test('no error on either side, and nothing taken back', async (t) => {
  t.strictSame(failures, [])
  t.notMatch(django.log(), /Traceback|Internal Server Error/)
})

t.test('no set is torn', async (t) => {
  t.strictSame([...new Set(seen.filter(isTorn).map(String))], [])
  t.ok(seen.length > 2, `${seen.length} looks, at ${new Set(seen.map(String)).size} sets`)
})

t.test('our records are complete', async (t) => {
  const changesOf = async (id: number, field: string): Promise<any[]> =>
    (await eventsOf(pool, 'user.update', id)).flatMap(({ changes }) =>
      field in changes ? [changes[field]] : [],
    )
  const numbersOf = (name: keyof typeof rounds) =>
    Array.from({ length: rounds[name] }, (_, index) => `${index + 1}`)

  t.strictSame(
    await changesOf(columns, 'first_name'),
    numbersOf('we, a column that Django leaves alone').map((number) => [`${Number(number) - 1}`, number]),
    'each change begins where the one before ended',
  )
  t.strictSame(
    (await changesOf(whole, 'first_name')).map(([, after]) => after),
    numbersOf('we, a column that Django writes as it was read'),
    'each is there, whatever Django wrote in between',
  )
  for (const id of Object.values(edited)) {
    const sets = (await changesOf(id, 'groups')).flat()
    t.ok(sets.length > 0)
    t.strictSame(sets.filter(isTorn), [], 'they tell of no torn set')
  }
})

t.test("Django's log has the changes of both", async (t) => {
  const { rows } = await pool.query(
    `select (select count(*)::int from django_admin_log where user_id = $1) as djangos,
       (select count(*)::int from django_admin_log where user_id <> $1) as ours,
       (select count(*)::int from user_admin.audit_event where action = 'user.update') as events`,
    [editor],
  )
  const [{ djangos, ours, events }] = rows
  t.equal(djangos, rounds["Django's admin"] + rounds["Django's admin, the other user"])
  t.equal(ours, events)
})

t.test('no deadlock, not even one that was got over', async (t) => {
  // What a connection has counted is told when it ends.
  await Promise.all([django.close(), ...services.map(({ close }) => close())])
  const { rows } = await pool.query(
    'select deadlocks::int from pg_stat_database where datname = current_database()',
  )
  t.strictSame(rows, [{ deadlocks: 0 }])
})
