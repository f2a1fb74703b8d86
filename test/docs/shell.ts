/** One bash for the blocks of a page: variables and the working directory carry over. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { World } from './world.js'

/** Of one block. */
const TIMEOUT_MS = 240_000
/** Should nobody be left to end what stays. */
const AT_EXIT = `trap 'for group in $(cat "$DOCS_WORLD"/running/*.pid); do kill -TERM -- "-$group"; done 2>/dev/null' EXIT\n`
/** What is typed where a command asks for a password. */
const TYPED = 'correct horse battery staple\n'

export interface Ran {
  /** What it has written so far; what stays may add to it. */
  output(): Promise<string>
  /** Whether something that it has started still runs. */
  stays: boolean
}

export interface Shell {
  /**
   * Runs a block to its end, or until what stays listens.
   * @param status that its requests are refused with
   * @throws Error with its output, where it fails; there is no shell any more then
   */
  run(text: string, status?: number): Promise<Ran>
  end(): Promise<void>
}

export async function startShell({ folder, checkout, env }: World): Promise<Shell> {
  const child = spawn('bash', ['--norc'], { cwd: checkout, env, stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  child.stdin.on('error', () => {})
  child.stdin.write(AT_EXIT)
  const answers = createInterface(child.stdout)[Symbol.asyncIterator]()
  const file = (name: string) => path.join(folder, name)
  const logsOf = async () => (await readFile(file('started'), 'utf8')).split('\n').filter(Boolean)
  let blocks = 0

  async function run(text: string, status?: number): Promise<Ran> {
    const [script, written] = [file(`block-${++blocks}`), file(`block-${blocks}.out`)]
    await writeFile(script, `${text}\n`)
    await writeFile(file('typed'), TYPED)
    await writeFile(file('started'), '')
    child.stdin.write(
      `export DOCS_STATUS=${status ?? ''}\n` +
        `{ set -eo pipefail; source '${script}'; } <'${file('typed')}' >'${written}' 2>&1; echo "$?"\n`,
    )
    const timer = setTimeout(() => {
      void appendFile(written, `It took more than ${TIMEOUT_MS} ms.\n`).then(() => child.kill('SIGKILL'))
    }, TIMEOUT_MS)
    const { value: answer } = await answers.next()
    clearTimeout(timer)
    const logs = await logsOf()
    const output = async () =>
      (await Promise.all([written, ...logs].map((name) => readFile(name, 'utf8')))).join('')
    if (answer !== '0') throw new Error(`It failed.\n${await output()}`)
    return { output, stays: logs.length > 0 }
  }

  async function end(): Promise<void> {
    child.stdin.end()
    if (child.exitCode === null && child.signalCode === null) await ended
  }

  return { run, end }
}
