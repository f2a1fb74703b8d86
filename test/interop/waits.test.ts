/** One of the two waits for the other one's lock: who comes second builds on what the first one left. */
import t from 'tap'
import { eventsOf } from '../helpers/observe.js'
import { untilLocksAreAwaited } from '../helpers/until.js'
import { saveUser } from './admin-form.js'
import { startBoth } from './both.js'
import { load } from './load.js'
import { logIn } from './visitor.js'

/** An advisory lock, at which Django waits. */
const GATE = 42

const { django, service, key } = await startBoth(t)
const { pool, makeUser, makeGroup } = service
const [a, b, c] = [await makeGroup(), await makeGroup(), await makeGroup()]
// Deadlocks are looked for after a second, if nobody says otherwise.
await pool.query(
  `do $$ begin
     execute format('alter database %I set deadlock_timeout = ''20ms''', current_database());
   end $$`,
)

const patch = (id: number, body: object) => service.request('PATCH', `/admin/users/${id}/`, { key, body })

async function stored(id: number) {
  const { rows } = await pool.query(
    `select first_name, last_name,
       array(select group_id from auth_user_groups where user_id = u.id order by 1) as groups
     from auth_user u where id = $1`,
    [id],
  )
  return rows[0]
}

/** Django is in the middle of what it was asked for until `release`. */
async function holdDjango(question: string, details: object) {
  const client = await pool.connect()
  await client.query('select pg_advisory_lock($1)', [GATE])
  const answer = django.ask(question, { ...details, gate: GATE })
  await untilLocksAreAwaited(pool)
  return {
    answer,
    async release() {
      await client.query('select pg_advisory_unlock($1)', [GATE])
      client.release()
    },
  }
}

t.test('Django has written and not committed: our PATCH waits, and nothing of Django is lost', async (t) => {
  const id = await makeUser({ groups: [a] })
  const held = await holdDjango('change', { user: id, fields: { last_name: 'Django' }, groups: [a, b] })
  const ours = patch(id, { first_name: 'we', groups: [c] })
  await untilLocksAreAwaited(pool, 2)
  await held.release()
  await held.answer
  const { status, body } = await ours
  t.equal(status, 200)
  t.match(body, { first_name: 'we', last_name: 'Django', groups: [c] })
  t.strictSame(await stored(id), { first_name: 'we', last_name: 'Django', groups: [c] })
  const [event] = await eventsOf(pool, 'user.update', id)
  t.strictSame(event.changes.groups, [[a, b], [c]], 'the record begins with what Django left')
})

/** Our PATCH, which holds the user's row and waits for a group, until `release`. */
async function holdPatch(id: number, body: { groups: number[] }) {
  const client = await pool.connect()
  await client.query('begin')
  await client.query('select from auth_group where id = any($1) for update', [body.groups])
  const answer = patch(id, body)
  await untilLocksAreAwaited(pool)
  return {
    answer,
    async release() {
      await client.query('commit')
      client.release()
    },
  }
}

t.test('we have locked the user: Django waits, and its groups are whole', async (t) => {
  await makeUser({
    username: 'editor',
    password: await django.ask('make_password', { password: 'edits' }),
    is_staff: true,
    is_superuser: true,
  })
  const editor = await logIn(django, 'editor', 'edits')
  const form = { username: 'edited', last_name: 'Django', groups: [a, b] }
  const ways: Record<string, (id: number) => Promise<unknown>> = {
    'the admin': async (id) => t.equal((await saveUser(editor, id, form)).status, 302),
    'save() and set() in a transaction': (id) =>
      django.ask('change', { user: id, fields: { last_name: 'Django' }, groups: [a, b] }),
  }
  for (const [way, write] of Object.entries(ways)) {
    const id = await makeUser({ ...(way === 'the admin' ? { username: 'edited' } : {}), groups: [a] })
    const held = await holdPatch(id, { groups: [c] })
    const djangos = write(id)
    await untilLocksAreAwaited(pool, 2)
    await held.release()
    const { status, body } = await held.answer
    t.equal(status, 200)
    t.strictSame(body.groups, [c])
    await djangos
    t.match(await stored(id), { last_name: 'Django', groups: [a, b] }, way)
  }
})

t.test('what save() had read before it waited, it writes back: that is Django', async (t) => {
  const id = await makeUser({ first_name: 'before', groups: [a] })
  const held = await holdPatch(id, { ...{ first_name: 'we' }, groups: [c] })
  const djangos = django.ask('save', { user: id, fields: { last_name: 'Django' } })
  await untilLocksAreAwaited(pool, 2)
  await held.release()
  t.equal((await held.answer).status, 200)
  await djangos
  t.strictSame(await stored(id), { first_name: 'before', last_name: 'Django', groups: [c] })
  const careful = await holdPatch(id, { ...{ first_name: 'we again' }, groups: [a] })
  const only = django.ask('save_only', { user: id, fields: { last_name: 'update_fields' } })
  await untilLocksAreAwaited(pool, 2)
  await careful.release()
  await careful.answer
  await only
  t.strictSame(
    await stored(id),
    { first_name: 'we again', last_name: 'update_fields', groups: [a] },
    'and not with update_fields',
  )
})

t.test('Django has removed groups without a lock, and is about to add others: no deadlock', async (t) => {
  const id = await makeUser({ groups: [a, b] })
  const held = await holdDjango('set_groups_slowly', { user: id, groups: [c] })
  const ours = patch(id, { groups: [c] })
  await untilLocksAreAwaited(pool, 2)
  await held.release()
  await t.resolves(held.answer)
  t.match(await ours, { status: 200, body: { groups: [c] } })
  t.strictSame((await stored(id)).groups, [c])
})

t.test('groups that Django sets without a lock: ours is never the one that fails', async (t) => {
  // It deletes and inserts in an order of its own, so PostgreSQL may end one of the two, as it may between two Djangos.
  const all = (await Promise.all(Array.from({ length: 8 }, () => makeGroup()))).toSorted((a, b) => a - b)
  const sets = [all.slice(0, 4), all.slice(4), all.filter((_, index) => index % 2), []]
  const setOf = (round: number) => sets[round % sets.length]!
  const id = await makeUser()
  const { failures, rounds } = await load(
    {
      async we(round) {
        const { status, text } = await patch(id, { groups: setOf(round) })
        if (status !== 200) throw new Error(text)
      },
      Django: (round) => django.ask('set_groups', { user: id, groups: setOf(3 * round + 1) }),
    },
    2_000,
  )
  t.comment(rounds, `${failures.length} deadlocks`)
  t.strictSame(
    failures.filter((failure) => !/^Django: .*deadlock detected/s.test(failure)),
    [],
  )
  for (const set of sets) {
    t.equal((await patch(id, { groups: set })).status, 200)
    t.strictSame((await stored(id)).groups, set, 'the next PATCH makes it whole')
  }
})
