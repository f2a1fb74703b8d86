// PostgreSQL reads what was written, whatever the texts hold.
import t from 'tap'
import { arrayLiteral } from '../../src/db/array-literal.js'
import { createDatabase } from '../helpers/database.js'
import fc from '../helpers/seeded-properties.js'

const { pool } = await createDatabase(t)
// PostgreSQL stores no NUL, and UTF-8 has no lone surrogates.
const text = fc.string({ unit: 'binary' }).map((value) => value.replaceAll('\0', ''))

const readBack = async (type: string, values: Parameters<typeof arrayLiteral>[0]) =>
  (await pool.query(`select to_json($1::${type}[]) as read`, [arrayLiteral(values)])).rows[0].read

t.test('texts', async (t) => {
  t.strictSame(await readBack('text', ['NULL', '', '"', '\\', '{a,b}', 'a b', '\n', null, "'", 'é😀']), [
    'NULL',
    '',
    '"',
    '\\',
    '{a,b}',
    'a b',
    '\n',
    null,
    "'",
    'é😀',
  ])
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(text)), async (values) => {
      t.strictSame(await readBack('text', values), values)
    }),
    { numRuns: 200 },
  )
})

t.test('numbers, booleans and none', async (t) => {
  t.strictSame(await readBack('bigint', [1, -2, null, 9_007_199_254_740_991]), [
    1,
    -2,
    null,
    9_007_199_254_740_991,
  ])
  t.strictSame(await readBack('boolean', [true, false, null]), [true, false, null])
  t.strictSame(await readBack('text', []), [])
})
