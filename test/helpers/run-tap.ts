/** Suites with a command of their own: what of them this machine can run, by tap. */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import path from 'node:path'

const ROOT = path.resolve(import.meta.dirname, '../..')
/** Of one file. Passwords and browsers take long on a busy machine. */
const TIMEOUT_S = 600

/** The names of the tests in a folder. */
export const testsIn = (folder: string): string[] =>
  readdirSync(folder).filter((name) => name.endsWith('.test.ts'))

/**
 * Runs tests of a folder.
 * @param options of tap; the last of a name holds
 * @param env beside this process's own
 * @returns the status that the command ends with
 */
export function runTap(
  folder: string,
  names: readonly string[],
  options: readonly string[],
  env: NodeJS.ProcessEnv = {},
): number {
  const files = names.map((name) => path.relative(ROOT, path.join(folder, name)))
  const args = ['test', '--silent', '--', `--timeout=${TIMEOUT_S}`, ...options, ...files]
  const { status, error } = spawnSync('npm', args, {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  })
  if (error) throw error
  return status ?? 1
}

/**
 * One line, which `.ci/run` looks for.
 * @param script installs what is missing
 */
export function sayThatSkipped(what: string, why: string, script = 'scripts/install-django.sh'): void {
  console.log(`skipped: ${what}, since ${why} (on Debian, ${script} installs what is missing)`)
}
