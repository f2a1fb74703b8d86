/** A request with an Idempotency-Key that is sent again hashes no password again. */
import t from 'tap'
import { measureCpu } from '../helpers/cpu-time.js'
import {
  isReplay,
  type Keyed,
  nameOf,
  PATCH_TYPE,
  startKeyed,
  unique,
  userPath,
  USERS,
} from '../helpers/idempotency.js'

// So dear that it is seen.
const { makeUser, send } = await startKeyed(t, { PBKDF2_ITERATIONS: '500000' })

t.test('a password is hashed once', async (t) => {
  const id = await makeUser()
  const hashing: Keyed[] = [
    { method: 'POST', path: USERS, body: { username: 'slow', password: 'a' } },
    { method: 'PATCH', path: userPath(id), body: { password: 'b' } },
    {
      method: 'PATCH',
      path: userPath(id),
      body: [{ op: 'add', path: '/password', value: 'c' }],
      type: PATCH_TYPE,
    },
    { method: 'PUT', path: userPath(id), body: { username: 'slower', password: 'd' } },
    { method: 'PATCH', path: USERS, body: [{ id, password: 'e' }] },
    { method: 'PATCH', path: `${USERS}?atomic=false`, body: [{ id, password: 'f' }] },
  ]
  for (const keyed of hashing) {
    const idempotencyKey = unique('slow')
    const first = await measureCpu(() => send(keyed, idempotencyKey))
    const again = await measureCpu(() => send(keyed, idempotencyKey))
    t.ok(first.result.status < 300 && isReplay(again.result), first.result.text)
    t.ok(again.cpuMs < first.cpuMs / 2, `${nameOf(keyed)}: ${first.cpuMs} ms of CPU, ${again.cpuMs} ms`)
  }
})
