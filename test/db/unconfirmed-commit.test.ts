/** Whether a transaction took effect is found out by its id and the trace that it left, since ids are given again after a crash. */
import { randomUUID } from 'node:crypto'
import t from 'tap'
import { Names } from '../../src/db/names.js'
import { type Trace, tookEffect } from '../../src/db/unconfirmed-commit.js'
import { createDatabase } from '../helpers/database.js'

const { pool } = await createDatabase(t)
const ask = (id: string, trace?: Trace, timeoutMs = 30_000) =>
  tookEffect(pool, id, trace, { prepared: true, names: new Names(), timeoutMs })

/** Records an event in a transaction, which is left open. */
async function begin() {
  const client = await pool.connect()
  await client.query('begin')
  const { rows } = await client.query('select txid_current()::text as id')
  const trace: Trace = { target_type: 'user', target_id: 1, request_id: randomUUID() }
  await client.query(
    `insert into user_admin.audit_event (request_id, credential, action, outcome, target_type, target_id, changes)
     values ($1, 'key', 'user.update', 'applied', $2, $3, '{}')`,
    [trace.request_id, trace.target_type, trace.target_id],
  )
  const end = async (how: 'commit' | 'rollback') => {
    await client.query(how)
    client.release()
  }
  return { id: rows[0].id as string, trace, end }
}

t.test('one that was committed, and one that was not', async (t) => {
  const [committed, rolledBack] = [await begin(), await begin()]
  await committed.end('commit')
  await rolledBack.end('rollback')
  t.equal(await ask(committed.id, committed.trace), true)
  t.equal(await ask(committed.id), true, 'one that left no trace')
  t.equal(await ask(rolledBack.id, rolledBack.trace), false)
})

t.test('one that is still at it', async (t) => {
  const [slow, stuck] = [await begin(), await begin()]
  const asked = ask(slow.id, slow.trace)
  await slow.end('commit')
  t.equal(await asked, true)
  await t.rejects(ask(stuck.id, stuck.trace, 1_000), { code: 'unavailable', message: /not known/ })
  await stuck.end('rollback')
})

t.test('one that a server which crashed has never heard of', async (t) => {
  const lost = await begin()
  await lost.end('rollback')
  const other = await begin()
  await other.end('commit')
  t.equal(await ask(other.id, lost.trace), false, 'its id is that of another one, which was committed')
  t.equal(await ask(String(BigInt(other.id) + 1_000_000n), lost.trace), false, 'its id is yet to be given')
})
