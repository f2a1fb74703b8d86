/** Whatever happens to requests with an Idempotency-Key while they are done: they are done once, and hold up nobody. */
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import {
  groupPath,
  isReplay,
  JSON_TYPE,
  type Keyed,
  nameOf,
  PATCH_TYPE,
  SETTINGS,
  startKeyed,
  told,
  unique,
  userPath,
  USERS,
} from '../helpers/idempotency.js'
import { eventsOf } from '../helpers/observe.js'
import { type Answer, startService, type TestService } from '../helpers/service.js'
import { untilLocksAreAwaited } from '../helpers/until.js'

const service = await startKeyed(t)
const second = await startService(t, SETTINGS, service.database)
const { request, makeUser, makeGroup, pool, root, A, B, P, send } = service

t.test('while the first is being done, another is told so, by any replica', async (t) => {
  const [id, group] = [await makeUser({ groups: [A] }), await makeGroup([P])]
  const username = unique('flight')
  const requests: [Keyed, lock: string, values: unknown[]][] = [
    ...[
      { method: 'PATCH', path: userPath(id), body: { last_name: 'Flight' } },
      {
        method: 'PATCH',
        path: userPath(id),
        body: [{ op: 'add', path: '/groups/-', value: B }],
        type: PATCH_TYPE,
      },
      { method: 'PATCH', path: USERS, body: [{ id, first_name: 'Flight' }] },
      { method: 'PUT', path: `${userPath(id)}permissions/${P}/` },
      { method: 'PUT', path: userPath(id), body: { username: unique('flight'), password: 'x' } },
      { method: 'DELETE', path: userPath(id) },
    ].map((keyed): [Keyed, string, unknown[]] => [
      keyed,
      'select 1 from auth_user where id = $1 for update',
      [id],
    ]),
    [
      { method: 'PATCH', path: groupPath(group), body: { permissions: [] } },
      'select 1 from auth_group where id = $1 for update',
      [group],
    ],
    [
      { method: 'POST', path: USERS, body: { username, password: 'x' } },
      `insert into auth_user (username, password, is_superuser, first_name, last_name, email, is_staff, is_active, date_joined)
       values ($1, '!', false, '', '', '', false, true, now())`,
      [username],
    ],
  ]
  for (const [keyed, lock, values] of requests) {
    const client = await pool.connect()
    const key = unique('flight')
    await client.query('begin')
    await client.query(lock, values)
    const first = send(keyed, key)
    await untilLocksAreAwaited(pool)
    const meanwhile = [await send(keyed, key), await send(keyed, key, root.key, second.request)]
    await client.query('rollback')
    client.release()
    for (const { status, body, headers } of meanwhile) {
      t.strictSame([status, body?.code], [409, 'request_in_progress'], nameOf(keyed))
      t.match(headers['retry-after'] ?? '', /^[1-9]\d*$/)
    }
    t.ok((await first).status < 300, `${nameOf(keyed)}: ${(await first).text}`)
    t.strictSame(told(await send(keyed, key)), told(await first))
  }
})

t.test('many at once: one does it, and the others are told what came of it', async (t) => {
  for (let round = 0; round < 10; round++) {
    const keyed = { method: 'POST', path: USERS, body: { username: unique('crowd'), password: 'x' } }
    const key = unique('crowd')
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        send(keyed, key, root.key, index % 2 ? request : second.request),
      ),
    )
    const made = answers.filter(({ status }) => status === 201)
    t.equal(made.filter((answer) => !isReplay(answer)).length, 1)
    t.equal(new Set(made.map(({ text }) => text)).size, 1)
    t.ok(
      answers.every(({ status }) => status === 201 || status === 409),
      answers.map(({ status }) => status).join(),
    )
  }
})

for (const kinds of [['keyed'], ['dry'], ['keyed', 'dry']]) {
  t.test(`twenty ${kinds.join(' and twenty ')} changes wait for one row, and nobody else does`, async (t) => {
    const [held, other] = [await makeUser(), await makeUser()]
    const before = (await request('GET', userPath(held), { key: root.key })).body
    const waiters = kinds.flatMap((kind) =>
      Array.from({ length: 20 }, (_, index) => ({ isDry: kind === 'dry', name: `${kind} ${index}` })),
    )
    const client = await pool.connect()
    await client.query('begin')
    await client.query('select 1 from auth_user where id = $1 for update', [held])
    let answered = 0
    const waiting = waiters.map(async ({ isDry, name }) => {
      const path = `${userPath(held)}${isDry ? '?dry_run=true' : ''}`
      const keyed = { method: 'PATCH', path, body: { first_name: name } }
      const answer = await send(keyed, isDry ? undefined : unique('waits'))
      answered++
      return answer
    })
    await untilLocksAreAwaited(pool)
    // The others arrive meanwhile.
    await sleep(200)
    const others = await Promise.all([
      request('GET', userPath(other), { key: root.key }),
      send({ method: 'PATCH', path: userPath(other), body: { first_name: 'Free' } }),
    ])
    t.equal(answered, 0, 'all of them were waiting meanwhile')
    await client.query('rollback')
    client.release()
    for (const { status, text } of others) t.equal(status, 200, text)
    t.equal(others[1].body.first_name, 'Free')
    const answers = await Promise.all(waiting)
    for (const [index, { status, body, text }] of answers.entries()) {
      const { isDry, name } = waiters[index]!
      t.equal(status, 200, `${name}: ${text}`)
      t.equal((isDry ? body.user : body).first_name, name)
    }
    const names = (await eventsOf(pool, 'user.update', held)).map(({ changes }) => changes.first_name[1])
    const done = waiters.filter(({ isDry }) => !isDry).map(({ name }) => name)
    t.strictSame(names.toSorted(), done.toSorted(), 'each was done once, and no dry run was')
    const { first_name } = (await request('GET', userPath(held), { key: root.key })).body
    t.equal(first_name, names.at(-1) ?? before.first_name)
  })
}

/** Sends a request, and goes away while it is done. @returns the answer, where it came before that */
function sendAndLeave(
  of: TestService,
  { method, path, body, type = JSON_TYPE }: Keyed,
  key: string,
  milliseconds: number,
) {
  return new Promise<number | undefined>((resolve) => {
    const headers = { authorization: `Bearer ${root.key}`, 'content-type': type, 'idempotency-key': key }
    const outgoing = http.request(of.url + path, { method, headers, agent: false }, (incoming) => {
      incoming.resume().on('error', () => {})
      resolve(incoming.statusCode)
    })
    outgoing.on('error', () => resolve(undefined)).end(JSON.stringify(body))
    setTimeout(() => outgoing.destroy(), milliseconds)
  })
}

/** Ends one of the connections of the services. */
const killOne = () =>
  pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name = 'fastify-user-admin'
     order by (state <> 'idle') desc, random() limit 1`,
  )

/** Until something else is said than that it is not known yet, or not now. */
async function insist(keyed: Keyed, key: string): Promise<Answer> {
  for (let attempt = 0; ; attempt++) {
    const answer = await send(keyed, key, root.key, attempt % 2 ? request : second.request)
    if (![409, 503].includes(answer.status) || attempt > 200) return answer
    await sleep(Math.random() * 20)
  }
}

for (const isKilling of [false, true]) {
  t.test(
    `lost ${isKilling ? 'connections to the database' : 'clients'}: nothing is done twice`,
    async (t) => {
      const replays = { done: 0, anew: 0 }
      const progress = { done: 0, isOver: false }
      const killing = (async () => {
        for (let seen = -1; isKilling && !progress.isOver; await sleep(Math.random() * 25)) {
          // As often as something gets done: a busy machine could not connect as fast as a clock has connections killed.
          if (progress.done === seen) continue
          seen = progress.done
          await killOne()
        }
      })()
      const target = await makeUser({ groups: [] })
      const lists = await Promise.all(Array.from({ length: 120 }, () => makeGroup()))
      const work = lists.map((value, index): Keyed => {
        if (index % 3 === 0)
          return { method: 'POST', path: USERS, body: { username: unique('lost'), password: 'x' } }
        if (index % 3 === 1) return { method: 'POST', path: '/admin/groups/', body: { name: unique('lost') } }
        return {
          method: 'PATCH',
          path: userPath(target),
          body: [{ op: 'add', path: '/groups/-', value }],
          type: PATCH_TYPE,
        }
      })
      const { milliseconds: usual } = await send(
        { method: 'POST', path: USERS, body: { username: unique('usual'), password: 'x' } },
        unique('usual'),
      )
      const queue = work.entries()
      const worker = async () => {
        for (const [index, keyed] of queue) {
          const key = unique('lost')
          const door = index % 2 ? service : second
          if (isKilling) await send(keyed, key, root.key, door.request).catch(() => {})
          else await sendAndLeave(door, keyed, key, Math.random() * 2 * usual)
          const answer = await insist(keyed, key)
          progress.done++
          t.ok(answer.status < 300, `${nameOf(keyed)}: ${answer.status} ${answer.text}`)
          replays[isReplay(answer) ? 'done' : 'anew']++
          if (keyed.method !== 'POST') continue
          const isUser = keyed.path === USERS
          const { rows } = await pool.query(
            `select id from ${isUser ? 'auth_user where username' : 'auth_group where name'} = $1`,
            [(keyed.body as any).username ?? (keyed.body as any).name],
          )
          t.strictSame(
            rows.map(({ id }) => id),
            [answer.body.id],
          )
          t.equal((await eventsOf(pool, isUser ? 'user.create' : 'group.create', answer.body.id)).length, 1)
        }
        // Or the last of them would be the only one to hit, again and again.
        progress.isOver = true
      }
      await Promise.all(Array.from({ length: 6 }, worker))
      await killing
      const events = await eventsOf(pool, 'user.update', target)
      t.equal(events.length, 40, 'each group was added once')
      t.ok(replays.done > 2 && replays.anew > 2, `both were seen: ${JSON.stringify(replays)}`)
    },
  )
}
