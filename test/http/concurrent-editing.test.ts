/** Several who edit one user at once: what they may lose without conditions, and that they lose nothing with them. */
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { type Answer, type RequestOptions, startService } from '../helpers/service.js'
import { seed } from '../helpers/seed.js'

const settings = { PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1' } as const
const service = await startService(t, settings)
// One service alone would put them in order.
const services = [service, await startService(t, settings, service.database)] as const
const { makeUser, makeGroup, makeCaller, pool } = service
const { key } = await makeCaller({ username: 'root' })

const send = (door: number, method: string, path: string, options: RequestOptions = {}): Promise<Answer> =>
  services[door % 2]!.request(method, `/admin/users/${path}`, { key, ...options })
const read = (id: number) => send(0, 'GET', `${id}/`)

async function eventsOf(id: number): Promise<Record<string, [unknown, unknown]>[]> {
  const { rows } = await pool.query(
    "select outcome, changes from user_admin.audit_event where target_type = 'user' and target_id = $1 order by id",
    [id],
  )
  return rows.map(({ outcome, changes }) => {
    if (outcome !== 'applied') throw new Error(`an event is ${outcome}`)
    return changes
  })
}

/** Changes of five fields, one of each of five people. */
const fiveOf = (id: number): Record<string, unknown>[] => [
  { first_name: 'Grace' },
  { last_name: 'Hopper' },
  { email: `grace-${id}@example.com` },
  { username: `grace-${id}` },
  { is_staff: true },
]

const ROUNDS = 30
const rounds = Array.from({ length: ROUNDS }, (_, round) => round)

t.test('five changes of different fields, each from a stale read: all survive', async (t) => {
  for (const round of rounds) {
    const id = await makeUser()
    const [before, changes] = [(await read(id)).body, fiveOf(id)]
    const answers = await Promise.all(
      changes.map((body, index) => send(round * index, 'PATCH', `${id}/`, { body })),
    )
    t.strictSame(
      answers.map(({ status }) => status),
      [200, 200, 200, 200, 200],
    )
    t.strictSame((await read(id)).body, Object.assign(before, ...changes), `round ${round}`)
    const events = await eventsOf(id)
    t.strictSame(
      events.flatMap((changes) => Object.keys(changes)).toSorted(),
      changes.flatMap((body) => Object.keys(body)).toSorted(),
      'each is recorded once',
    )
  }
})

t.test('the same with If-Match: one is done, and the others are told so', async (t) => {
  const winners = new Set<number>()
  for (const round of rounds) {
    const id = await makeUser()
    const {
      body: before,
      headers: { etag },
    } = await read(id)
    const changes = fiveOf(id)
    const conditional = (index: number, tag: string) =>
      send(round * index, 'PATCH', `${id}/`, { body: changes[index], headers: { 'if-match': tag } })
    // Each is the first to be sent once: whoever always wins then does so for another reason.
    const order = changes.map((_, index) => (index + round) % changes.length)
    const sent = await Promise.all(order.map((index) => conditional(index, etag!)))
    const answers = changes.map((_, index) => sent[order.indexOf(index)]!)
    t.strictSame(answers.map(({ status }) => status).toSorted(), [200, 412, 412, 412, 412], `round ${round}`)
    const winner = answers.findIndex(({ status }) => status === 200)
    winners.add(winner)
    const now = await read(id)
    t.strictSame(now.body, { ...before, ...changes[winner] }, 'nothing of the others is written')
    t.strictSame(
      (await eventsOf(id)).map((changes) => Object.keys(changes)),
      [Object.keys(changes[winner]!)],
      'or recorded',
    )
    for (const [index, { status, headers, body }] of answers.entries()) {
      t.equal(headers.etag, now.headers.etag, 'all have the current tag')
      if (status === 412)
        t.strictSame(
          body.errors.map(({ pointer }: any) => pointer.slice(1)),
          Object.keys(changes[winner]!),
          `${index} is told what changed`,
        )
    }
    // They look again, as often as it takes: then nothing is lost.
    const others = changes.map((_, index) => index).filter((index) => index !== winner)
    await Promise.all(
      others.map(async (index) => {
        for (let tag = now.headers.etag!, status = 412; status === 412;) {
          const answer = await conditional(index, tag)
          ;[tag, status] = [answer.headers.etag!, answer.status]
        }
      }),
    )
    t.strictSame((await read(id)).body, Object.assign(before, ...changes))
  }
  t.ok(winners.size > 1, `not always the same one: ${[...winners].join()}`)
})

const UPDATES = 10_000
const CLIENTS = 32
const USERS = 5

/** One conditional update, and its answer. */
interface Attempt {
  user: number
  /** What the condition asked for. */
  tag: string
  /** Written by this update and no other. */
  token: string | undefined
  /** The group that was given or taken. */
  membership: { group: number; isMember: boolean } | undefined
  status: number
  /** The tag that was answered. */
  after: string
}

/** A sequence of numbers from 0 to 1 that its seed tells (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

t.test('10,000 contested conditional updates', async (t) => {
  t.comment(`SEED=${seed}`)
  const groups = await Promise.all(Array.from({ length: 6 }, () => makeGroup()))
  const users = await Promise.all(Array.from({ length: USERS }, () => makeUser()))
  const initial = new Map(await Promise.all(users.map(async (id) => [id, await read(id)] as const)))
  let left = UPDATES
  const attempts: Attempt[] = []

  async function edit(client: number): Promise<void> {
    const random = randomFrom(seed + client)
    const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!
    const known = new Map(users.map((id) => [id, initial.get(id)!.headers.etag!]))
    while (left-- > 0) {
      const user = pick(users)
      // Now and then it is late, or looks once more; else it goes by what it was told last.
      if (random() < 0.1) await sleep(random() * 3)
      if (random() < 0.1) known.set(user, (await read(user)).headers.etag!)
      const tag = known.get(user)!
      const { token, membership, ...request } = updateOf(random, pick, `${client}-${left}`)
      const answer = await send(Math.floor(random() * 2), request.method, `${user}/${request.path}`, {
        ...request.options,
        headers: { ...request.options.headers, 'if-match': tag },
      })
      const after = answer.headers.etag!
      attempts.push({ user, tag, token, membership, status: answer.status, after })
      known.set(user, after)
    }
  }

  function updateOf(random: () => number, pick: <T>(items: readonly T[]) => T, token: string) {
    const kind = random()
    const group = pick(groups)
    if (kind < 0.7)
      return {
        token,
        membership: undefined,
        method: 'PATCH',
        path: '',
        options: {
          body: { [pick(['first_name', 'last_name'])]: token },
        } satisfies RequestOptions as RequestOptions,
      }
    if (kind < 0.8) {
      const operations = [
        { op: 'add', path: '/groups/-', value: group },
        { op: 'replace', path: '/first_name', value: token },
      ]
      const options: RequestOptions = {
        rawBody: JSON.stringify(operations),
        headers: { 'content-type': 'application/json-patch+json' },
      }
      return { token, membership: undefined, method: 'PATCH', path: '', options }
    }
    if (kind < 0.88) {
      const body = {
        username: `user-of-${token}`,
        password: '!',
        last_name: token,
        groups: groups.filter(() => random() < 0.5),
      }
      return { token, membership: undefined, method: 'PUT', path: '', options: { body } as RequestOptions }
    }
    const isMember = random() < 0.5
    return {
      token: undefined,
      membership: { group, isMember },
      method: isMember ? 'PUT' : 'DELETE',
      path: `groups/${group}/`,
      options: {} as RequestOptions,
    }
  }

  const began = performance.now()
  await Promise.all(Array.from({ length: CLIENTS }, (_, client) => edit(client)))
  const count = (status: number) => attempts.filter((attempt) => attempt.status === status).length
  t.comment(
    `${((performance.now() - began) / 1_000).toFixed(1)} s: ${count(200)} 200, ${count(204)} 204, ${count(412)} 412`,
  )
  t.equal(attempts.length, UPDATES)
  t.equal(count(200) + count(204) + count(412), UPDATES, 'nothing else is answered')
  t.ok(count(200) > 500 && count(204) > 50 && count(412) > 500, 'they contested')
  for (const id of users)
    await checkHistory(
      t,
      initial.get(id)!,
      attempts.filter(({ user }) => user === id),
    )
})

/**
 * Holds the attempts on one user to a total order: the events tell it. Each success asked for the tag of exactly the state
 * before it, each event is that of one success, and together they lead from the first state to the last.
 */
async function checkHistory(t: Test, { body: first, headers }: Answer, attempts: Attempt[]): Promise<void> {
  const { id } = first
  const [events, last] = [await eventsOf(id), await read(id)]
  const refused = attempts.filter(({ status }) => status === 412)
  const changes = attempts.filter(({ status, tag, after }) => status !== 412 && after !== tag)
  const noops = attempts.filter(({ status, tag, after }) => status !== 412 && after === tag)

  const waiting = new Map<string, Attempt[]>()
  for (const change of changes) waiting.set(change.tag, [...(waiting.get(change.tag) ?? []), change])
  const wrong: string[] = []
  const tags = new Set([headers.etag!])
  const state = structuredClone(first)
  let tag = headers.etag!
  for (const [index, event] of events.entries()) {
    for (const [field, [before, after]] of Object.entries(event)) {
      if (JSON.stringify(state[field]) !== JSON.stringify(before))
        wrong.push(`event ${index} begins with another ${field} than the one before it left`)
      state[field] = after
    }
    // Memberships are no one's own: of several that did the same to the same state each may be meant.
    const candidates = waiting.get(tag) ?? []
    const place = candidates.findIndex((attempt) => explains(attempt, event))
    const [success] = place < 0 ? [] : candidates.splice(place, 1)
    if (success === undefined) {
      wrong.push(`event ${index} is nobody's who had seen the state before it: ${JSON.stringify(event)}`)
      break
    }
    tag = success.after
    tags.add(tag)
  }
  t.strictSame(wrong, [], `user ${id}: ${events.length} events, one after the other`)
  t.equal(
    events.length,
    changes.length,
    'each success that changed something is recorded once, and nothing else',
  )
  t.strictSame([...waiting.values()].flat(), [], 'no two consumed one state: no update is lost')
  t.equal(tag, last.headers.etag, 'the last one left what there is')
  t.strictSame(state, last.body, 'the events lead to it')
  // Without memberships, which can be undone, no state comes twice.
  const consumed = changes
    .filter(({ token }) => token !== undefined)
    .map(({ tag, token }) => `${tag} ${token}`)
  t.equal(new Set(consumed).size, consumed.length)
  t.ok(
    noops.every((noop) => noop.membership !== undefined && tags.has(noop.tag)),
    'what changed nothing was asked of a state that there was',
  )
  t.ok(
    refused.every((refusal) => refusal.after !== refusal.tag && tags.has(refusal.after)),
    'who was refused had another tag than the current one',
  )
  const written = JSON.stringify([events, last.body])
  t.strictSame(
    refused.filter(({ token }) => token !== undefined && written.includes(`"${token}"`)),
    [],
    'no update that was refused was written',
  )
}

/** Whether the event is what the attempt would do. */
function explains({ token, membership }: Attempt, event: Record<string, [unknown, unknown]>): boolean {
  if (token !== undefined) return event.first_name?.[1] === token || event.last_name?.[1] === token
  const [before, after] = (event.groups ?? [[], []]) as [number[], number[]]
  const { group, isMember } = membership!
  return (
    Object.keys(event).join() === 'groups' &&
    after.includes(group) === isMember &&
    before.includes(group) !== isMember &&
    Math.abs(after.length - before.length) === 1
  )
}
