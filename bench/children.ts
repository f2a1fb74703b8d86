/** Processes of the run's own: they end with it, by their ids. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type FileHandle, open } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Resources } from './resources.js'

/** Longer than a service takes to stop the PostgreSQL that it runs. */
const PATIENCE_MS = 40_000

export interface Child {
  pid: number
  /** Its status; null where a signal ended it. */
  ended: Promise<number | null>
  hasEnded(): boolean
  /** Asks it to end, and ends it where that takes too long. */
  stop(): Promise<void>
}

export interface ChildOptions {
  cwd: string
  env: Record<string, string>
  /** Where both of its outputs go. */
  output: string
}

/** Starts a process that runs until it is stopped. */
export async function startChild(
  resources: Resources,
  command: string,
  args: string[],
  { cwd, env, output }: ChildOptions,
): Promise<Child> {
  const file = await open(output, 'a')
  try {
    return await watch(resources, spawnTo(file, command, args, { cwd, env }))
  } finally {
    await file.close()
  }
}

const spawnTo = (file: FileHandle, command: string, args: string[], options: object): ChildProcess =>
  spawn(command, args, { ...options, stdio: ['ignore', file.fd, file.fd] })

async function watch(resources: Resources, child: ChildProcess): Promise<Child> {
  const ended = statusOf(child)
  let hasEnded = false
  void ended.then(() => (hasEnded = true))
  await once(child, 'spawn')
  const stop = resources.add(async () => {
    child.kill('SIGTERM')
    if ((await Promise.race([ended, sleep(PATIENCE_MS, 'late', { ref: false })])) === 'late')
      child.kill('SIGKILL')
    await ended
  })
  return { pid: child.pid!, ended, hasEnded: () => hasEnded, stop }
}

async function statusOf(child: ChildProcess): Promise<number | null> {
  const [status] = await once(child, 'close')
  return status
}

/**
 * Runs a command to its end.
 * @returns what it wrote to standard output
 * @throws Error where it fails, or takes longer than `timeoutMs`
 */
export async function runChild(
  resources: Resources,
  command: string,
  args: string[],
  { timeoutMs, env, cwd }: { timeoutMs: number; env?: Record<string, string>; cwd?: string },
): Promise<string> {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()))
  const { ended, stop } = await watch(resources, child)
  const timer = setTimeout(() => void stop(), timeoutMs)
  const status = await ended
  clearTimeout(timer)
  await stop()
  if (status === 0) return output.stdout
  throw new Error(
    `${command} ${args.join(' ').slice(0, 200)} ended with ${status}:\n${output.stderr}${output.stdout}`,
  )
}

/** Options of a command line. */
export const flags = (options: Record<string, string | number>): string[] =>
  Object.entries(options).map(([name, value]) => `--${name}=${value}`)
