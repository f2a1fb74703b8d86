/** Updates that get in each other's way: through two services, since one alone would put them in order. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createDatabase } from '../helpers/database.js'
import { type Answer, startService } from '../helpers/service.js'

const database = await createDatabase(t)
// Deadlocks are looked for after a second; the tests bring about many.
await database.pool.query(
  `do $$ begin
     execute format('alter database %I set deadlock_timeout = ''20ms''', current_database());
   end $$`,
)
const services = [await startService(t, {}, database), await startService(t, {}, database)] as const
const { pool, makeUser, makeGroup, makeCaller, makeKey } = services[0]
const { id: admin, key } = await makeCaller()

/** Sends a PATCH to one of the services. */
const patch = (id: number, body: object, door: number, as = key): Promise<Answer> =>
  services[door % 2]!.request('PATCH', `/admin/users/${id}/`, { key: as, body })

const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index))
const ascending = (ids: readonly number[]) => ids.toSorted((a, b) => a - b)
const groups = ascending(await Promise.all(times(12, () => makeGroup())))

t.test('eight writers of one set of groups: it is never torn', async (t) => {
  const ROUNDS = 40
  const id = await makeUser()
  const sets = [
    [0, 1, 2, 3, 4, 5],
    [6, 7, 8, 9, 10, 11],
    [0, 2, 4, 6, 8, 10],
    [1, 3, 5],
    [],
    [0],
    [11, 0],
    [3, 4, 5, 6, 7, 8, 9],
  ]
  const wanted = sets.map((set) => ascending(set.map((index) => groups[index]!)))
  const watcher = watch(() => storedGroups(id))
  const wrong: string[] = []
  await Promise.all(
    wanted.map(async (set, writer) => {
      for (let round = 0; round < ROUNDS; round++) {
        const { status, text, body } = await patch(id, { groups: set }, writer + round)
        if (status !== 200 || String(body.groups) !== String(set)) wrong.push(`${status} ${text}`)
      }
    }),
  )
  t.strictSame(wrong, [], 'every answer is 200, with the set that was sent')
  const states = await watcher.stop()
  const torn = states.filter((state) => !wanted.some((set) => String(set) === String(state)))
  t.strictSame(torn, [], 'every state is one of the sets')
  t.ok(new Set(states.map(String)).size > 3, 'several of which were seen')
})

t.test('groups that are deleted meanwhile, as Django does it', async (t) => {
  const ROUNDS = 50
  const users = await Promise.all(times(6, () => makeUser()))
  const [kept] = groups as [number]
  const counts = new Map<number, number>()
  const wrong: string[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const doomed = await Promise.all([makeGroup(), makeGroup()])
    // Half of the users are members already: then both sides delete the same memberships.
    await pool.query('insert into auth_user_groups (user_id, group_id) select unnest($1::int[]), $2', [
      users.slice(0, 3),
      doomed[0],
    ])
    const updates = users.map(async (id, index) => {
      await sleep(Math.random() * 6)
      const answer = await patch(id, { groups: [kept, doomed[(index + round) % 2]] }, index)
      counts.set(answer.status, (counts.get(answer.status) ?? 0) + 1)
      if (!isAppliedOrGone(answer)) wrong.push(answer.text)
    })
    await Promise.all([...updates, sleep(Math.random() * 4).then(() => deleteGroups(doomed))])
  }
  t.strictSame(wrong, [], 'every answer is 200, or says what does not exist')
  t.ok(counts.get(200)! > 0 && counts.get(400)! > 0, `both were seen: ${[...counts].join(' ')}`)
  const { rows } = await pool.query(
    'select m.* from auth_user_groups m left join auth_group g on g.id = m.group_id where g.id is null',
  )
  t.strictSame(rows, [], 'no membership dangles')
})

t.test('two superusers who do away with each other: one remains', async (t) => {
  const ROUNDS = 100
  const blows = [
    { is_active: false },
    { is_superuser: false },
    { is_active: false, is_superuser: false, is_staff: false },
  ]
  const duel = [await makeCaller(), await makeCaller()] as const
  await pool.query('update auth_user set is_superuser = false where id = $1', [admin])
  const outcomes = new Map<string, number>()
  const wrong: string[] = []
  for (let round = 0; round < ROUNDS; round++) {
    await pool.query(
      'update auth_user set is_active = true, is_superuser = true, is_staff = true where id = any($1)',
      [duel.map(({ id }) => id)],
    )
    // Who was deactivated has lost their keys for good.
    const keys = await Promise.all(duel.map(({ id }) => makeKey(id)))
    const watcher = watch(countSuperusers)
    const answers = await Promise.all(
      keys.map((as, index) =>
        patch(duel[1 - index]!.id, blows[(round + index * (round % 2)) % 3]!, index, as),
      ),
    )
    const counts = [...(await watcher.stop()), await countSuperusers()]
    const statuses = answers
      .map(({ status }) => status)
      .toSorted()
      .join()
    outcomes.set(statuses, (outcomes.get(statuses) ?? 0) + 1)
    if (counts.includes(0) || counts.at(-1) !== 1) wrong.push(`round ${round}: ${counts.at(-1)} remain`)
  }
  await pool.query('update auth_user set is_superuser = true, is_active = true where id = $1', [admin])
  t.strictSame(wrong, [], 'there is always one, and in the end just one')
  const expected = new Set(['200,409', '200,401', '200,403'])
  t.strictSame(
    [...outcomes.keys()].filter((statuses) => !expected.has(statuses)),
    [],
    'one succeeds',
  )
  t.ok(outcomes.get('200,409')! > 0, `and the other is refused for it: ${[...outcomes].join(' ')}`)
})

t.test('eight users who claim one username: one gets it', async (t) => {
  const ROUNDS = 20
  const users = await Promise.all(times(8, () => makeUser()))
  const outcomes = new Set<string>()
  for (let round = 0; round < ROUNDS; round++) {
    const names = [`claimed${round}`, ` claimed${round}`, `ｃlaimed${round}`]
    const answers = await Promise.all(
      users.map((id, index) => patch(id, { username: names[index % 3] }, index)),
    )
    outcomes.add(
      answers
        .map(({ status, body }) => (status === 200 ? 'ok' : `${status} ${body.errors?.[0].code}`))
        .toSorted()
        .join(),
    )
    const { rows } = await pool.query('select id from auth_user where username = $1', [names[0]])
    t.strictSame(
      rows.map(({ id }) => Number(id)),
      users.filter((_, index) => answers[index]!.status === 200),
      'who was told so',
    )
  }
  t.strictSame([...outcomes], [[...times(7, () => '400 unique'), 'ok'].join()])
})

t.test('backends that are killed', async (t) => {
  const ROUNDS = 40
  const users = await Promise.all(times(4, () => makeUser({ last_name: 'start', groups: [] })))
  const keys = await Promise.all(times(8, () => makeKey(admin)))
  /** The set of groups that belongs to a last name. */
  const setOf = (name: string) =>
    name === 'start' ? [] : groups.filter((_, index) => (Number(name) >> (index % 8)) % 2 === 1)
  const answers = new Map<string, Answer>()
  const watcher = watch(() => statesOf(users))
  // As often as something gets done: a busy machine could not connect as fast as a clock has connections killed.
  let seen = -1
  const killer = watch(async () => {
    if (answers.size === seen) return 0
    seen = answers.size
    return killOne()
  })
  await Promise.all(
    keys.map(async (as, worker) => {
      for (let round = 0; round < ROUNDS; round++) {
        const name = String(1 + worker * ROUNDS + round)
        answers.set(
          name,
          await patch(users[(worker + round) % 4]!, { last_name: name, groups: setOf(name) }, worker, as),
        )
      }
    }),
  )
  const killed = (await killer.stop()).filter((count) => count > 0).length
  const states = (await watcher.stop()).flat()
  // Until those that were killed last have ended.
  await sleep(1_000)

  for (const door of times(20, (index) => index)) {
    t.equal((await patch(users[0]!, {}, door)).status, 200, 'it works right after')
  }
  const unexpected = [...answers.values()].filter((answer) => !isAppliedOrUnavailable(answer))
  t.strictSame(
    unexpected.map(({ status, text }) => `${status} ${text}`),
    [],
    'every answer is 200, or 503 with Retry-After',
  )
  const applied = [...answers].filter(([, { status }]) => status === 200).map(([name]) => name)
  t.ok(
    killed > 3 && applied.length > 3 && applied.length < answers.size,
    `${killed} kills, ${applied.length} applied`,
  )

  const torn = [...states, ...(await statesOf(users))].filter(
    ({ name, groups }) => String(groups) !== String(setOf(name)),
  )
  t.strictSame(torn, [], 'the columns and the set of a user are always those of one update')
  const audited = (
    await Promise.all(
      users.map(async (id) => {
        const names = await auditedNames(id)
        t.equal(
          names.at(-1),
          (await statesOf([id]))[0]!.name,
          `the events of user ${id} lead to what is stored`,
        )
        return names
      }),
    )
  ).flat()
  t.equal(new Set(audited).size, audited.length, 'nothing is audited twice')
  t.strictSame(
    applied.filter((name) => !audited.includes(name)),
    [],
    'what was answered with 200 was applied and audited',
  )
  // Killed while it commits, and once more while the outcome is asked for: then nobody can tell.
  const unsure = audited.filter((name) => answers.get(name)?.status !== 200)
  t.ok(
    unsure.length <= killed / 10,
    `what was answered with 503 was not: ${unsure.length} of ${killed} kills`,
  )
})

/** Does something over and over until it is stopped, and keeps what came of it. */
function watch<T>(look: () => Promise<T>): { stop(): Promise<T[]> } {
  const seen: T[] = []
  const stopped = new AbortController()
  const done = (async () => {
    while (!stopped.signal.aborted) {
      seen.push(await look())
      await sleep(2)
    }
  })()
  return {
    async stop() {
      stopped.abort()
      await done
      return seen
    },
  }
}

async function storedGroups(id: number): Promise<number[]> {
  const { rows } = await pool.query(
    'select array(select group_id from auth_user_groups where user_id = $1 order by 1) as groups',
    [id],
  )
  return rows[0].groups
}

async function statesOf(users: number[]): Promise<{ name: string; groups: number[] }[]> {
  const { rows } = await pool.query(
    `select last_name as name,
       array(select group_id from auth_user_groups where user_id = u.id order by 1) as groups
     from auth_user u where id = any($1)`,
    [users],
  )
  return rows
}

async function countSuperusers(): Promise<number> {
  const { rows } = await pool.query(
    'select count(*)::int as count from auth_user where is_superuser and is_active',
  )
  return rows[0].count
}

/** Ends one of the services' connections. @returns how many there were to end */
async function killOne(): Promise<number> {
  await sleep(Math.random() * 20)
  const { rowCount } = await pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name = 'fastify-user-admin'
     order by (state <> 'idle') desc, random() limit 1`,
  )
  return rowCount ?? 0
}

/** As `Group.objects.filter(…).delete()`, and again where others got in its way. */
async function deleteGroups(ids: number[]): Promise<void> {
  const client = await pool.connect()
  try {
    for (;;) {
      try {
        await client.query('begin')
        await client.query('delete from auth_group_permissions where group_id = any($1)', [ids])
        await client.query('delete from auth_user_groups where group_id = any($1)', [ids])
        await client.query('delete from auth_group where id = any($1)', [ids])
        await client.query('commit')
        return
      } catch (error) {
        await client.query('rollback')
        if (!['23503', '40P01'].includes((error as { code?: string }).code ?? '')) throw error
      }
    }
  } finally {
    client.release()
  }
}

/** The last names that a user got, by the audit. Each event must begin where the one before it ended. */
async function auditedNames(id: number): Promise<string[]> {
  const { rows } = await pool.query<{ was: string; is: string }>(
    `select changes->'last_name'->>0 as was, changes->'last_name'->>1 as is from user_admin.audit_event
     where action = 'user.update' and target_id = $1 and outcome = 'applied' order by id`,
    [id],
  )
  rows.forEach(({ was }, index) => {
    const before = rows[index - 1]?.is ?? 'start'
    if (was !== before)
      throw new Error(`an event begins with ${was}, and the one before it ended with ${before}`)
  })
  return rows.map(({ is }) => is)
}

const isAppliedOrGone = ({ status, body }: Answer): boolean =>
  status === 200 ||
  (status === 400 &&
    body.errors.every(
      ({ code, pointer }: { code: string; pointer: string }) =>
        code === 'does_not_exist' && pointer.startsWith('/groups'),
    ))

const isAppliedOrUnavailable = ({ status, headers, body }: Answer): boolean =>
  status === 200 ||
  (status === 503 && /^[1-9]\d*$/.test(headers['retry-after'] ?? '') && body.code === 'unavailable')
