// From what the database reports to what is answered.
import t from 'tap'
import { isConflict, isConnectionLoss, mayBeOneRowsFault, problemOf } from '../../src/db/sqlstate.js'
import { ProblemError } from '../../src/errors.js'
import { createDatabase } from '../helpers/database.js'

const failure = (code: string | undefined, message = 'secret of a row', more = {}) =>
  Object.assign(new Error(message), { code, detail: 'Key (username)=(alice) already exists.', ...more })

t.test('each class has its answer', async (t) => {
  const cases: [string, number, string][] = [
    ['23505', 400, 'invalid'],
    ['23503', 400, 'invalid'],
    ['22P02', 400, 'invalid'],
    ['22003', 400, 'invalid'],
    ['23502', 400, 'invalid'],
    ['23514', 400, 'invalid'],
    ['40001', 503, 'unavailable'],
    ['40P01', 503, 'unavailable'],
    ['55P03', 503, 'unavailable'],
    ['57014', 503, 'unavailable'],
    ['57P01', 503, 'unavailable'],
    ['57P03', 503, 'unavailable'],
    ['53300', 503, 'unavailable'],
    ['53100', 503, 'unavailable'],
    ['08006', 503, 'unavailable'],
    ['ECONNREFUSED', 503, 'unavailable'],
    ['42P01', 500, 'internal_error'],
  ]
  for (const [code, status, name] of cases) {
    const problem = problemOf(failure(code))
    t.match(problem, { status, code: name }, code)
    t.notMatch(
      JSON.stringify([problem.message, problem.details.detail, problem.details.errors]),
      /secret|alice/,
      code,
    )
    if (status === 503) t.equal(problem.details.headers?.['retry-after'], '1', code)
  }
})

t.test('time-outs and losses that carry no code', async (t) => {
  for (const message of [
    'timeout exceeded when trying to connect',
    'Connection terminated unexpectedly',
    'Connection terminated',
    'Query read timeout',
    'Client has encountered a connection error and is not queryable',
  ]) {
    t.equal(problemOf(failure(undefined, message)).status, 503, message)
    t.ok(isConnectionLoss(failure(undefined, message)), message)
  }
  t.equal(problemOf(new TypeError('a defect')).code, 'internal_error')
  t.equal(problemOf('not even an error').code, 'internal_error')
  const problem = new ProblemError('not_found')
  t.equal(problemOf(problem), problem, 'problems pass through')
})

t.test('what may be the fault of one row of many, and what is everybody’s', async (t) => {
  for (const code of ['23505', '23503', '23502', '23514', '22001', '22P02', '40001', '40P01', '55P03'])
    t.ok(mayBeOneRowsFault(failure(code)), code)
  // A defect of ours, a right that lacks, a time-out, no room, a connection that is gone.
  for (const code of ['42703', '42P01', '42601', '42501', '57014', '53300', '57P01', '08006', undefined])
    t.notOk(mayBeOneRowsFault(failure(code)), code ?? 'none')
  t.notOk(mayBeOneRowsFault(new TypeError('a defect')))
  t.notOk(mayBeOneRowsFault(new ProblemError('not_found')))
})

t.test('violations name the field', async (t) => {
  const at = (code: string, table: string) => problemOf(failure(code, '', { table })).details.errors?.[0]
  t.match(at('23505', 'auth_user'), { pointer: '/username', code: 'unique' })
  const detail = 'Schlüssel »(lower(email::text))=(username@example.com)« existiert bereits.'
  const ofEmail = problemOf(failure('23505', '', { table: 'auth_user', detail })).details.errors?.[0]
  t.match(ofEmail, { pointer: '/email', code: 'unique' }, 'an index of a project of its own')
  t.match(at('23503', 'auth_user_groups'), { pointer: '/groups', code: 'does_not_exist' })
  t.match(at('23503', 'auth_user_user_permissions'), { pointer: '/user_permissions', code: 'does_not_exist' })
  t.match(at('23505', 'other'), { pointer: '' })
})

t.test('what PostgreSQL really reports', async (t) => {
  const { pool } = await createDatabase(t)
  const reported = async (sql: string) =>
    pool.query(sql).then(
      () => undefined,
      (error: unknown) => error,
    )
  await pool.query("insert into auth_group (name) values ('g')")
  t.match(problemOf(await reported("insert into auth_group (name) values ('g')")), { code: 'invalid' })
  t.match(
    problemOf(await reported('insert into auth_user_groups (user_id, group_id) values (1, 77)')).details
      .errors?.[0],
    {
      pointer: '/groups',
      code: 'does_not_exist',
    },
    'a deferred foreign key',
  )
  t.match(problemOf(await reported('set statement_timeout = 50; select pg_sleep(5)')), { status: 503 })
  t.notOk(isConflict(await reported('select 1/0')))
  t.match(problemOf(await reported('select pg_terminate_backend(pg_backend_pid())')), { status: 503 })
})
