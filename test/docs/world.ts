/** Where the commands of a page run: a checkout of its own, free ports, and a PostgreSQL where the page speaks of one. */
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import type { OwnPostgres } from '../faults/postgres.js'
import { freePort } from '../helpers/free-port.js'
import { PYTHON } from '../interop/needs.js'
import { makeApp } from './app.js'
import { COMMANDS } from './exceptions.js'
import { type Page, ROOT } from './markdown.js'
import { startPostgres } from './sql.js'

const BIN = path.join(import.meta.dirname, 'bin')
/** Commands that go through `bin/command`. */
const WRAPPED = ['curl', 'npm', 'npx', 'docker', 'python3']
/** Of the checkout, what a page must find as it is in a new one. */
const NOT_LINKED = /^(?:\.git|\.data|\.env|\.tap|\.test-data|\.host-.*|dist|examples)$/
/** Ports as the pages write them: of the service, its metrics, Django, a proxy, PostgreSQL, PgBouncer. */
const PORTS = ['3000', '9464', '8000', '8080', '5432', '6432']
const PORT = new RegExp(
  String.raw`((?:127\.0\.0\.1|localhost|\b\w*port|listen)\W{1,3})(${PORTS.join('|')})\b`,
  'gi',
)

export interface World {
  /** Below it is all that the page makes. */
  folder: string
  /** Its checkout. */
  checkout: string
  env: NodeJS.ProcessEnv
  /** Where the page speaks of one at 127.0.0.1:5432. */
  postgres: OwnPostgres | undefined
  /** A text of the page with the ports that are really used. */
  toReal(text: string): string
  /** What came out, with the ports as the page writes them. */
  toShown(text: string): string
}

/** It ends with `t`, and all that was started in it. */
export async function makeWorld(t: Test, page: Page): Promise<World> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'user-admin-docs-'))
  // PostgreSQL may run as another user.
  await chmod(folder, 0o755)
  t.teardown(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  const checkout = path.join(folder, 'fastify-user-admin')
  await makeCheckout(checkout)
  await makeApp(folder)
  await mkdir(path.join(folder, 'running'))
  t.teardown(() => endAll(path.join(folder, 'running')))
  const bin = path.join(folder, 'bin')
  await mkdir(bin)
  for (const name of WRAPPED) await symlink(path.join(BIN, 'command'), path.join(bin, name))
  for (const name of ['stay', 'stop', 'proxy', 'pooler'])
    await symlink(path.join(BIN, name), path.join(bin, name))
  const real = new Map<string, string>()
  for (const port of PORTS) real.set(port, String(await freePort()))
  const speaksOfPostgres = page.blocks.some(({ text }) => text.includes('127.0.0.1:5432'))
  const postgres = speaksOfPostgres ? await startPostgres(t, real.get('5432')!) : undefined
  const env = {
    PATH: `${bin}:${process.env.PATH}`,
    HOME: folder,
    LANG: 'C.UTF-8',
    PORT: real.get('3000'),
    CHECKOUT: checkout,
    PROJECT: path.join(folder, 'elsewhere/shop'),
    // What asks PostgreSQL's own library and names no port.
    PGPORT: real.get('5432'),
    SUPERUSER_URL: postgres?.url,
    DOCS_PYTHON: PYTHON,
    DOCS_WORLD: folder,
    DOCS_PORTS: [...real.values()].join(' '),
    DOCS_EXCEPTIONS: COMMANDS.map(({ text }) => text).join('\n'),
  }
  return {
    folder,
    checkout,
    env,
    postgres,
    toReal: (text) => text.replace(PORT, (_, before: string, port: string) => before + real.get(port)!),
    toShown: (text) =>
      [...real].reduce((shown, [port, used]) => shown.replaceAll(`:${used}`, `:${port}`), text),
  }
}

async function makeCheckout(checkout: string): Promise<void> {
  await mkdir(checkout)
  for (const name of await readdir(ROOT))
    if (!NOT_LINKED.test(name)) await symlink(path.join(ROOT, name), path.join(checkout, name))
  // Pages build and start what is in there.
  const filter = (source: string) => !/\/(?:node_modules|dist)$/.test(source)
  await cp(path.join(ROOT, 'examples'), path.join(checkout, 'examples'), { recursive: true, filter })
}

/** By their groups, since `npm` has children. */
async function endAll(running: string): Promise<void> {
  const files = (await readdir(running)).filter((name) => name.endsWith('.pid'))
  const groups = await Promise.all(files.map((name) => readFile(path.join(running, name), 'utf8')))
  await Promise.all(groups.map((pid) => endGroup(-Number(pid))))
}

/** In order, or after a while at once. */
async function endGroup(group: number): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    try {
      process.kill(group, tries === 0 ? 'SIGTERM' : tries === 299 ? 'SIGKILL' : 0)
    } catch {
      return
    }
    await sleep(50)
  }
}
