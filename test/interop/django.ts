/** The Django project beside: its server, its command line, and the questions that tests have. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Ended } from '../helpers/cli.js'
import { requester, type TestService } from '../helpers/service.js'
import { PYTHON } from './needs.js'

const SITE = fileURLToPath(new URL('site', import.meta.url))
const START_MS = 60_000
const STOP_MS = 15_000

/** Of the project. */
export interface DjangoSettings {
  /** What new passwords are hashed with; PBKDF2 with one iteration by default. */
  PASSWORD_HASHER?: 'Argon2PasswordHasher' | 'PBKDF2PasswordHasher'
}

export interface Django {
  /** Where it listens, without a final slash. */
  url: string
  request: TestService['request']
  /** Asks one of `site/probes.py`. */
  ask(question: string, details?: Record<string, unknown>): Promise<any>
  /** What it has written about its start, and about failures. */
  log(): string
  close(): Promise<void>
}

/** Serves the project on a free port, until `t` is over. */
export async function startDjango(
  t: { teardown(fn: () => unknown): unknown },
  databaseUrl: string,
  settings: DjangoSettings = {},
): Promise<Django> {
  const server = python(['-m', 'gunicorn', 'wsgi'], databaseUrl, settings)
  const close = () => stop(server)
  t.teardown(close)
  const output = outputOf(server)
  const url = await urlOf(server, output)
  const request = requester(url)

  async function ask(question: string, details: Record<string, unknown> = {}): Promise<any> {
    const { status, body, text } = await request('POST', `/probes/${question}/`, { body: details })
    if (status !== 200) throw new Error(`Django answers ${question} with ${status}: ${body?.error ?? text}`)
    return body.answer
  }
  return { url, request, ask, log: () => output.stderr, close }
}

/** Runs a command of `manage.py` to its end. */
export async function manage(databaseUrl: string, ...args: string[]): Promise<Ended> {
  const child = python(['manage.py', ...args], databaseUrl)
  const output = outputOf(child)
  child.stdin!.end()
  const [status] = await once(child, 'close')
  return { status, ...output }
}

/** Runs a command that must succeed. */
export async function manageWell(databaseUrl: string, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await manage(databaseUrl, ...args)
  if (status !== 0) throw new Error(`manage.py ${args.join(' ')} ended with ${status}: ${stdout}${stderr}`)
  return stdout
}

function python(args: string[], databaseUrl: string, settings: DjangoSettings = {}): ChildProcess {
  return spawn(PYTHON, args, {
    cwd: SITE,
    env: {
      PATH: process.env.PATH,
      LANG: 'C.UTF-8',
      PYTHONDONTWRITEBYTECODE: '1',
      DATABASE_URL: databaseUrl,
      ...settings,
    },
  })
}

function outputOf(child: ChildProcess): { stdout: string; stderr: string } {
  const output = { stdout: '', stderr: '' }
  child.stdout!.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()))
  child.stderr!.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()))
  return output
}

/** As it says itself. The project is loaded by then, and whoever asks before a worker is there waits for one. */
function urlOf(server: ChildProcess, output: { stderr: string }): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`Django ${why}: ${output.stderr}`))
    const timer = setTimeout(fail, START_MS, `did not start within ${START_MS} ms`)
    server.on('error', (error) => fail(String(error)))
    server.on('exit', (status) => fail(`ended with ${status}`))
    server.stderr!.on('data', () => {
      const url = /Listening at: (http:\S+)/.exec(output.stderr)?.[1]
      if (url === undefined) return
      clearTimeout(timer)
      resolve(url)
    })
  })
}

async function stop(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const timer = setTimeout(() => server.kill('SIGKILL'), STOP_MS)
  server.kill('SIGTERM')
  await once(server, 'exit')
  clearTimeout(timer)
}
