// Rows travel with their COPY, and what follows them does not wait for its end.
import { sql } from 'kysely'
import t from 'tap'
import { copyLine } from '../../src/db/copy.js'
import { Database, openPool, type Transaction } from '../../src/db/database.js'
import { query, statement } from '../../src/db/statement.js'
import { createDatabase } from '../helpers/database.js'

const TEXTS = ['', 'plain', 'a\tb', 'a\nb', 'a\r\nb', '\\', '\\N', '\\.', 'ä日💡', 'x'.repeat(150)]

const { url, pool } = await createDatabase(t)
const own = openPool(url, { max: 1, timeoutMs: 30_000 })
t.teardown(() => own.end())
const database = new Database(own, { timeoutMs: 30_000, prepared: false })
const rename = statement('rename', (id: number, name: string) =>
  query.updateTable('auth_group').set({ name }).where('id', '=', id),
)

const copyGroups = (transaction: Transaction, groups: readonly [name: string, id: number][]) =>
  transaction.copy({ table: 'auth_group', columns: ['name', 'id'], text: groups.map(copyLine).join('') })

/** So that answers come together, as to a client that is busy. */
function keepBusy(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

const namesOf = async () =>
  (await pool.query('select name from auth_group order by id')).rows.map((row) => row.name)
const backend = async () => (await own.query('select pg_backend_pid() as pid')).rows[0].pid as number

t.afterEach(() => pool.query('delete from auth_group'))

t.test('texts are what they were', async (t) => {
  await database.transaction(async (transaction) =>
    copyGroups(
      transaction,
      TEXTS.map((text, index) => [text, index]),
    ),
  )
  t.same(await namesOf(), TEXTS)
})

t.test('what is sent behind rows sees them', async (t) => {
  await database.transaction(async (transaction) => {
    copyGroups(transaction, [['before', 1]])
    transaction.send(rename, 1, 'after')
    copyGroups(transaction, [['before', 2]])
  })
  t.same(await namesOf(), ['after', 'before'])
})

t.test(
  'of what travels together the first that fails says why, and the connection is of use still',
  async (t) => {
    const pid = await backend()
    await t.rejects(
      database.transaction(async (transaction) => {
        copyGroups(transaction, [
          ['one', 1],
          ['another', 1],
        ])
        copyGroups(
          transaction,
          Array.from({ length: 20_000 }, (_, index) => [`group ${index}`, 10 + index]),
        )
        transaction.send(rename, 1, 'after')
      }),
      { code: '23505', table: 'auth_group' },
    )
    t.same(await namesOf(), [])
    t.equal(await backend(), pid)
  },
)

t.test('a failure is told by its cause, also where rows that came behind it fail sooner', async (t) => {
  const fails = statement('fails', (id: number) =>
    query.selectNoFrom(sql<number>`1 / (${id}::int - ${id}::int)`.as('failed')),
  )
  const behind = async (first: (transaction: Transaction) => Promise<unknown>) =>
    database.transaction(async (transaction) => {
      const failed = first(transaction)
      copyGroups(transaction, [['one', 1]])
      transaction.send(rename, 1, 'after')
      keepBusy(40)
      await failed
      await transaction.flush()
    })
  const sent = async (transaction: Transaction) => transaction.send(fails, 1)
  for (let attempt = 0; attempt < 5; attempt++) {
    await t.rejects(
      behind((transaction) => transaction.run(fails, 1)),
      { code: '22012' },
      'asked for',
    )
    await t.rejects(behind(sent), { code: '22012' }, 'sent')
  }
  t.same(await namesOf(), [])
})
