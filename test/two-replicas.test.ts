/** The files of `examples/two-replicas` against what there is: settings, commands, paths, and times that fit each other. */
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { makeProgram } from '../src/cli/program.js'
import { readConfig, SETTINGS } from '../src/config.js'
import { MAX_WAIT_SECONDS } from '../schemas/index.js'
import { EXAMPLE, readExample } from './helpers/compose.js'

const { services } = readExample()
const balancer = readFileSync(path.join(EXAMPLE, 'haproxy.cfg'), 'utf8')
const replicas = Object.entries(services).filter(([name]) => name.startsWith('replica-'))

const seconds = (text: string) => Number(/^(\d+)s$/.exec(text)![1])
const timeout = (name: string) => seconds(new RegExp(`timeout ${name} (\\S+)`).exec(balancer)![1]!)

t.test('every setting is one, and has a value that can be used', async (t) => {
  t.equal(replicas.length, 2)
  for (const [name, { environment }] of [...replicas, ['migrate', services['migrate']!] as const]) {
    t.same(
      Object.keys(environment).filter((setting) => !Object.hasOwn(SETTINGS, setting)),
      [],
      name,
    )
    const DATABASE_URL = environment['DATABASE_URL']!.replace(/\$\{POSTGRES_PASSWORD:[^}]*\}/, 's3cret')
    t.match(readConfig({ ...environment, DATABASE_URL }), { MIGRATE: false })
    t.equal(new URL(DATABASE_URL).hostname, 'database')
  }
})

t.test('the tables are there before any replica, and the replicas before the balancer', async (t) => {
  const { command = [], depends_on } = services['migrate']!
  t.equal(command[1], 'dist/src/cli/main.js')
  t.ok((await makeProgram()).commands.some((one) => one.name() === command[2]))
  t.match(depends_on, { database: { condition: 'service_healthy' } })
  for (const [, replica] of replicas)
    t.match(replica.depends_on, { migrate: { condition: 'service_completed_successfully' } })
  t.same(Object.keys(services['balancer']!.depends_on!), Object.keys(Object.fromEntries(replicas)))
})

t.test('what is built and mounted is there', async (t) => {
  for (const { build, volumes = [] } of Object.values(services)) {
    if (build !== undefined) t.ok(existsSync(path.join(EXAMPLE, build, 'Dockerfile')))
    for (const volume of volumes.filter((one) => one.startsWith('./')))
      t.ok(existsSync(path.join(EXAMPLE, volume.split(':')[0]!)), volume)
  }
})

t.test('the balancer asks what there is, and finds the replicas', async (t) => {
  t.match(balancer, /^ *http-check send meth GET uri \/readyz$/m)
  for (const [name, { environment, healthcheck }] of replicas) {
    const { PORT } = readConfig({ PORT: environment['PORT']! })
    t.match(healthcheck!.test.join(' '), `http://127.0.0.1:${PORT}/healthz`)
    t.ok(Object.values(services['balancer']!.environment).includes(`${name}:${PORT}`), name)
  }
  for (const [, variable] of balancer.matchAll(/"\$\{(\w+)\}"/g))
    t.ok(Object.hasOwn(services['balancer']!.environment, variable!), String(variable))
  const [, published] = /:(\d+)$/.exec(services['balancer']!.environment['BALANCER_ADDRESS']!)!
  t.same(services['balancer']!.ports, [`127.0.0.1:8080:${published}`])
})

t.test('each time is longer than what has to happen within it', async (t) => {
  const [, interval, falls] = /check inter (\S+) fall (\d+)/.exec(balancer)!
  for (const [, { environment, stop_grace_period }] of replicas) {
    const delay = Number(environment['SHUTDOWN_DELAY_MS'])
    t.ok(
      delay > seconds(interval!) * Number(falls) * 1_000,
      'the balancer sees that it is not ready any more',
    )
    t.ok(seconds(stop_grace_period!) * 1_000 > delay + Number(environment['SHUTDOWN_TIMEOUT_MS']))
  }
  for (const name of ['server', 'client']) t.ok(timeout(name) > MAX_WAIT_SECONDS, name)
})
