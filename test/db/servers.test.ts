/** Of several servers, connections go to the one that takes changes, and to another one when that is so no more. */
import t from 'tap'
import { Database, openPool } from '../../src/db/database.js'
import { migrate } from '../../src/db/migrate.js'
import { Names } from '../../src/db/names.js'
import { problemOf } from '../../src/db/sqlstate.js'
import { startService } from '../helpers/service.js'
import { createDatabase } from '../helpers/database.js'

const { url, pool: own } = await createDatabase(t)
const [{ database }] = (await own.query('select quote_ident(current_database()) as database')).rows

/** The server of the tests behind one that is not there. */
function severally(target: string): string {
  const several = new URL(url)
  const host = several.searchParams.get('host') ?? several.hostname.replace(/^\[|\]$/g, '')
  several.searchParams.set('host', `/no/such/folder,${host}`)
  several.searchParams.set('target_session_attrs', target)
  return several.href
}

function open(target: string) {
  const pool = openPool(severally(target), { max: 2, timeoutMs: 5_000 })
  t.teardown(() => pool.end())
  const attempt = () =>
    new Database(pool, { timeoutMs: 5_000, prepared: false }).transaction(async () => 'done').catch(problemOf)
  return { pool, attempt }
}

const setReadOnly = (value: 'on' | 'off') =>
  own.query(`alter database ${database} set default_transaction_read_only = ${value}`)

t.test('a server that takes no changes is left, and taken again when it does', async (t) => {
  const { pool, attempt } = open('read-write')
  t.equal(await attempt(), 'done')
  await setReadOnly('on')
  t.equal(await attempt(), 'done', 'connections that are there stay')
  const [one, other] = [await pool.connect(), pool.connect()]
  await t.rejects(other, { name: 'NoServerError', message: /takes no changes at present/ })
  await t.rejects(pool.connect(), { message: /^none of the servers will do: .*ENOENT.*; .*takes no changes/ })
  one.release(true)
  t.match(await attempt(), { status: 503, code: 'unavailable' })
  t.equal(await open('primary').attempt(), 'done', 'it is a primary')
  t.equal(await open('any').attempt(), 'done')
  await setReadOnly('off')
  t.equal(await attempt(), 'done')
})

t.test('what is no matter of the server is told as it is', async (t) => {
  const wrong = new URL(severally('read-write'))
  wrong.pathname = '/nothing'
  await t.rejects(migrate(wrong.href, { names: new Names() }), { code: '3D000' })
})

t.test('the tables are brought up to date there', async (t) => {
  t.strictSame(await migrate(severally('read-write'), { names: new Names() }), { applied: [] })
})

t.test('a whole service', async (t) => {
  const service = await startService(t, {}, { url: severally('read-write'), pool: own })
  const { key } = await service.makeCaller()
  t.equal((await service.request('GET', '/readyz')).status, 200)
  t.equal((await service.request('GET', '/admin/me/', { key })).status, 200)
})
