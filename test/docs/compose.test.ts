// docker-compose.yml, which no Docker runs here: its settings are ones that the service takes.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { readConfig, SETTINGS } from '../../src/config.js'
import { ROOT } from './markdown.js'

const { services } = parse(readFileSync(path.join(ROOT, 'docker-compose.yml'), 'utf8'))

t.test('the service gets settings that it takes', async (t) => {
  const environment: Record<string, string> = services.service.environment
  t.same(
    Object.keys(environment).filter((name) => !Object.hasOwn(SETTINGS, name)),
    [],
  )
  const filled = Object.entries(environment).map(([name, value]) => [name, value.replace(/\$\{.*?\}/g, 'x')])
  t.ok(readConfig(Object.fromEntries(filled)).DATABASE_URL)
})

t.test('and a database that has what they say', async (t) => {
  const { username, hostname, pathname } = new URL(
    services.service.environment.DATABASE_URL.replace(/\$\{.*?\}/, 'x'),
  )
  const { POSTGRES_USER, POSTGRES_DB } = services[hostname].environment
  t.same([POSTGRES_USER, `/${POSTGRES_DB}`], [username, pathname])
  t.same(services.service.depends_on, { [hostname]: { condition: 'service_healthy' } })
})
