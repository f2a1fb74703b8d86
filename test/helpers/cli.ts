import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, realpath, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type { Test } from 'tap'
import { quote } from '../../src/cli/names.js'
import { compiledSources } from './compiled.js'
import { until } from './until.js'

/** The command line as operators run it: processes of their own, with no environment but what is given. */

const MAIN = path.join(compiledSources(), 'src/cli/main.js')

/**
 * What runs `user-admin`. Without what tap gives to every process that a test starts: its hooks take hold of
 * signals, and make the start twice as long.
 */
const NODE = ['env', '-u', 'NODE_OPTIONS', process.execPath]
const programWith = (modules: string[]) => [
  ...NODE,
  ...modules.flatMap((module) => ['--import', module]),
  MAIN,
]
export const PROGRAM = programWith([])

export type Environment = Record<string, string>

export interface Ended {
  status: number | null
  stdout: string
  stderr: string
}

/** Runs a command to its end. */
export async function run(args: string[], env: Environment, input: string | Buffer = ''): Promise<Ended> {
  const { child, output, ended } = launch(args, env)
  child.stdin!.on('error', () => {})
  child.stdin!.end(input)
  return { status: await ended, ...output }
}

/** A `start` that listens. */
export interface Running {
  /** Of the service, as its greeting says. */
  url: string
  pid: number
  output: { stdout: string; stderr: string }
  kill(signal: NodeJS.Signals): void
  /** The status. */
  ended: Promise<number | null>
}

/**
 * Runs `start` on a free port, until the test is over.
 * @param modules JavaScript that is loaded into its process before it
 */
export async function spawnStart(t: Test, env: Environment, modules: string[] = []): Promise<Running> {
  const { child, output, ended } = launch(
    ['start'],
    { PORT: '0', MAX_EVENT_LOOP_DELAY_MS: '0', ...env },
    modules,
  )
  t.teardown(async () => {
    child.kill('SIGTERM')
    await ended
  })
  let status: number | null | undefined
  void ended.then((code) => (status = code))
  const url = await until(() => {
    if (status !== undefined) throw new Error(`start ended with ${status}: ${output.stderr}`)
    return /^fastify-user-admin +(\S+)\/admin\/\n[^]*\n\n$/m.exec(output.stderr)?.[1]
  })
  return { url, pid: child.pid!, output, ended, kill: (signal) => void child.kill(signal) }
}

/**
 * Begins a command, and doesn't wait for anything.
 * @param stdout where its output goes to, which is in nobody's hands then: a file that is open
 */
export function launch(
  args: string[],
  env: Environment,
  modules: string[] = [],
  stdout: 'pipe' | number = 'pipe',
) {
  const [program = '', ...options] = programWith(modules)
  const child = spawn(program, [...options, ...args], {
    // Not the project's folder, or a forgotten DATA_DIR would be the developer's own.
    cwd: os.tmpdir(),
    env: { PATH: process.env.PATH ?? '', HOME: os.tmpdir(), ...env },
    stdio: ['pipe', stdout, 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  child.stdout?.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()))
  child.stderr!.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()))
  return { child, output, ended: statusOf(child) }
}

/** For tests that type on a terminal. */
export const needsTerminal = {
  skip: !spawnSync('script', ['--version']).stdout?.includes('util-linux') && 'needs script of util-linux',
}

/** Begins a command on a pseudo terminal of its own. */
export function launchOnTerminal(args: string[], env: Environment) {
  const command = [...PROGRAM, ...args].map(quote).join(' ')
  const terminal = spawn('script', ['-qec', command, '/dev/null'], {
    cwd: os.tmpdir(),
    env: { PATH: process.env.PATH ?? '', TERM: 'xterm', SHELL: '/bin/sh', ...env },
  })
  let screen = ''
  terminal.stdout.on('data', (chunk: Buffer) => (screen += chunk.toString().replaceAll('\r', '')))
  return { terminal, screen: () => screen, ended: statusOf(terminal) }
}

async function statusOf(child: ChildProcess): Promise<number | null> {
  const [status] = await once(child, 'close')
  return status
}

/** A folder that every user may enter, as root's PostgreSQL must. */
export async function folder(t: Test): Promise<string> {
  const made = await mkdtemp(path.join(await realpath(os.tmpdir()), 'ua-cli-'))
  await chmod(made, 0o755)
  t.teardown(() => rm(made, { recursive: true, force: true, maxRetries: 5 }))
  return made
}

/** The process of the embedded PostgreSQL on a data folder. */
export async function postmasterPid(dataDir: string): Promise<number> {
  return Number((await readFile(path.join(dataDir, 'postgres/postmaster.pid'), 'utf8')).split('\n')[0])
}
