import t from 'tap'
import { createDatabase } from './database.js'

t.test('an empty database of its own', async (t) => {
  const { pool } = await createDatabase(t, { template: 'empty' })
  const { rows } = await pool.query('select count(*)::int as tables from pg_tables where schemaname = $1', [
    'public',
  ])
  t.same(rows, [{ tables: 0 }])
})

t.test('migrated databases, several at once', async (t) => {
  const [one, two] = await Promise.all([createDatabase(t), createDatabase(t), createDatabase(t)])
  await one.pool.query(`insert into auth_group (name) values ('editors')`)
  const { rows } = await two.pool.query('select count(*)::int as groups from auth_group')
  t.same(rows, [{ groups: 0 }], 'they share nothing')
})
