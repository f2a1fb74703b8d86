/** Runs checks without a test framework, and tells of them in TAP (version 14). */
import { inspect, isDeepStrictEqual } from 'node:util'
import type { Extra, Test } from './assertions.js'

/** How many assertions there were, and what failed. */
export interface Summary {
  passed: number
  skipped: number
  failures: Failure[]
}

export interface Failure {
  /** The names of the tests around it, from the outside, and its own. */
  path: string[]
  detail: string
}

/**
 * Runs `work` as one test.
 * @param write takes lines of TAP
 */
export async function runChecks(
  work: (t: Test) => Promise<void>,
  write: (line: string) => void,
): Promise<Summary> {
  const summary: Summary = { passed: 0, skipped: 0, failures: [] }
  write('TAP version 14')
  await runTest(new Recorder(summary, [], write), work)
  return summary
}

async function runTest(recorder: Recorder, work: (t: Test) => Promise<void>): Promise<boolean> {
  try {
    await work(recorder)
  } catch (error) {
    recorder.note(
      false,
      'nothing is thrown',
      error instanceof Error ? (error.stack ?? error.message) : String(error),
    )
  }
  return recorder.end()
}

class Recorder implements Test {
  #count = 0
  #failed = false

  constructor(
    readonly summary: Summary,
    readonly path: readonly string[],
    readonly write: (line: string) => void,
  ) {}

  ok = (value: unknown, message?: string) => this.note(Boolean(value), message, `found ${show(value)}`)
  notOk = (value: unknown, message?: string) => this.note(!value, message, `found ${show(value)}`)
  equal = (found: unknown, wanted: unknown, message?: string) =>
    this.note(Object.is(found, wanted), message, difference(found, wanted))
  not = (found: unknown, unwanted: unknown, message?: string) =>
    this.note(!Object.is(found, unwanted), message, `found ${show(found)}`)
  strictSame = (found: unknown, wanted: unknown, message?: string) =>
    this.note(isDeepStrictEqual(found, wanted), message, difference(found, wanted))
  match = (found: string | undefined, wanted: RegExp, message?: string) =>
    this.note(found !== undefined && wanted.test(found), message, difference(found, wanted))
  pass = (message?: string, extra?: Extra) => this.note(true, message, '', extra?.skip)

  async test(name: string, work: (t: Test) => Promise<void>): Promise<void> {
    this.write(`# Subtest: ${name}`)
    const inner = new Recorder(this.summary, [...this.path, name], (line) => this.write(`    ${line}`))
    this.#point(await runTest(inner, work), name)
  }

  note(isRight: boolean, message = 'as it should be', detail = '', skip?: string): void {
    if (skip !== undefined) this.summary.skipped++
    else if (isRight) this.summary.passed++
    else this.summary.failures.push({ path: [...this.path, message], detail })
    this.#point(isRight, message, skip)
    if (!isRight) this.#explain(detail)
  }

  /** @returns whether all was right */
  end(): boolean {
    this.write(`1..${this.#count}`)
    return !this.#failed
  }

  #point(isRight: boolean, message: string, skip?: string): void {
    this.#failed ||= !isRight
    const name = message.replaceAll(/[\\#]/g, String.raw`\$&`).replaceAll('\n', ' ')
    const reason = skip === undefined ? '' : ` # SKIP ${skip}`
    this.write(`${isRight ? 'ok' : 'not ok'} ${++this.#count} - ${name}${reason}`)
  }

  #explain(detail: string): void {
    for (const line of ['---', 'detail: |', ...detail.split('\n').map((text) => `  ${text}`), '...'])
      this.write(`  ${line}`)
  }
}

const show = (value: unknown): string => inspect(value, { depth: 6, breakLength: 120 })
const difference = (found: unknown, wanted: unknown) => `found  ${show(found)}\nwanted ${show(wanted)}`
