/** Whoever makes the tables, the other one takes them over as they are. */
import t, { type Test } from 'tap'
import { migrate } from '../../src/db/migrate.js'
import { createDatabase, type TestDatabase } from '../helpers/database.js'
import { startService } from '../helpers/service.js'
import { QUICK } from './both.js'
import { contentsOf } from './catalog.js'
import { manage, manageWell, startDjango } from './django.js'
import { logIn } from './visitor.js'

/** Django finds nothing to complain of, and nothing to do. */
async function djangoIsContent(t: Test, url: string): Promise<void> {
  for (const command of [
    ['check', '--database', 'default', '--fail-level', 'WARNING'],
    ['migrate', '--check'],
    ['makemigrations', '--check', '--dry-run'],
  ]) {
    const { status, stdout, stderr } = await manage(url, ...command)
    t.equal(status, 0, `manage.py ${command.join(' ')}: ${stdout}${stderr}`)
  }
  t.match(await manageWell(url, 'migrate'), /No migrations to apply/)
}

/** Both make a user, and read the other's. */
async function bothWork(t: Test, database: TestDatabase): Promise<void> {
  const { url, pool } = database
  const [django, service] = [await startDjango(t, url), await startService(t, QUICK, database)]
  const root = await service.makeCaller({ username: 'root' })
  const { request } = service
  const ours = await request('POST', '/admin/users/', {
    key: root.key,
    body: { username: 'ours', password: 'set by us', is_staff: true, is_superuser: true },
  })
  t.equal(ours.status, 201)
  const session = await logIn(django, 'ours', 'set by us')
  const { status } = await session.post('/django-admin/auth/user/add/', {
    username: 'djangos',
    password1: 'set by Django',
    password2: 'set by Django',
  })
  t.equal(status, 302)
  const { body } = await request('GET', '/admin/users/?username=djangos', { key: root.key })
  t.match(body.results, [{ username: 'djangos', password: 'pbkdf2_sha256$********', is_active: true }])
  const path = `/admin/users/${body.results[0].id}/`
  t.equal((await request('PATCH', path, { key: root.key, body: { first_name: 'Ada' } })).status, 200)
  const { rows } = await pool.query('select username, first_name from auth_user order by id')
  t.strictSame(rows.at(-1), { username: 'djangos', first_name: 'Ada' })
}

t.test('a database that Django made: our migrations change nothing of it', async (t) => {
  const database = await createDatabase(t, { template: 'empty' })
  const { url, pool } = database
  await manageWell(url, 'migrate')
  const before = await contentsOf(pool)
  t.ok(before.length > 300, `${before.length} lines`)
  t.ok((await migrate(url)).applied.length > 0)
  t.strictSame(await contentsOf(pool), before)
  t.strictSame(await migrate(url), { applied: [] })
  await djangoIsContent(t, url)
  t.strictSame(await contentsOf(pool), before, "nor do Django's")
  await bothWork(t, database)
})

t.test('a database that we made: Django takes it over', async (t) => {
  const database = await createDatabase(t)
  const { url } = database
  const { status, stdout, stderr } = await manage(url, 'migrate', '--fake-initial')
  t.equal(status, 0, stdout + stderr)
  await djangoIsContent(t, url)
  t.strictSame(await migrate(url), { applied: [] }, 'and we find nothing to do afterwards')
  await bothWork(t, database)
})

t.test("a database that we made: Django's own migrations run on its tables, back and forth", async (t) => {
  const { url, pool } = await createDatabase(t)
  await manageWell(url, 'migrate', '--fake-initial')
  const shape = async () =>
    (
      await pool.query(
        `select table_name, column_name, data_type, character_maximum_length, is_nullable
         from information_schema.columns where table_schema = 'public' order by 1, 2`,
      )
    ).rows
  const before = await shape()
  await manageWell(url, 'migrate', 'auth', '0007')
  t.notSame(await shape(), before, 'names are shorter')
  await manageWell(url, 'migrate')
  t.strictSame(await shape(), before)
})
