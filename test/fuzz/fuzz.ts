/** Runs cases one after the other: each is drawn by its own seed, and made smaller where it fails. */
import fc from 'fast-check'
import type { Subject } from '../../src/contract/subject.js'
import { Client, Violation } from './client.js'
import { Figures } from './figures.js'
import { type Plan, plansFor } from './plans.js'
import { requireKnown } from './vocabulary.js'
import { World } from './world.js'

export interface FuzzOptions {
  runs: number
  seed: number
  /** Values of `Authorization` that let nobody in; an empty one is none at all. */
  strangers: readonly string[]
  /** Makes names that no other run on this database has used; a run is repeated only with the same. */
  salt?: string | undefined
  /** Operations that cases are drawn for; all of them by default. */
  only?: readonly string[]
  /** Whether the first failure is enough, as it was drawn. */
  isQuick?: boolean
  report(line: string): void
}

/** Failed cases after which a run has told enough. */
const MOST_FAILURES = 10

/** Milliseconds for which a case is tried, and made smaller where it fails. */
const CASE_MS = 60_000

/** @returns how many cases failed, and the figures */
export async function fuzz(
  subject: Subject,
  { runs, seed, strangers, salt, only, isQuick = false, report }: FuzzOptions,
): Promise<{ failures: number; figures: Figures }> {
  requireKnown(subject.document)
  const world = await World.open(subject, salt)
  const entries = subject.document
    .operations()
    .filter(({ operation }) => only?.includes(operation.operationId) ?? true)
  const figures = new Figures(entries)
  const most = isQuick ? 1 : MOST_FAILURES
  let failures = 0
  try {
    for (let number = 1; number <= runs && failures < most; number++) {
      await world.refill()
      const entry = entries[number % entries.length]!
      const { operationId } = entry.operation
      const failure = await tryCase(world, figures, {
        name: `${world.salt}-${number}`,
        operationId,
        plans: plansFor(entry, world, strangers),
        seed: mix(seed, number),
        isQuick,
      })
      if (failure === undefined) continue
      failures++
      report(
        `seed ${seed}, case ${number}: ${operationId}, ${failure}\n  again: npm run fuzz -- --seed ${seed} --runs ${number}\n`,
      )
    }
  } finally {
    await world.close()
  }
  for (const lack of figures.lacks()) {
    failures++
    report(lack)
  }
  return { failures, figures }
}

interface Case {
  name: string
  operationId: string
  plans: fc.Arbitrary<Plan>
  seed: number
  isQuick: boolean
}

/** @returns what failed, if anything did */
async function tryCase(
  world: World,
  figures: Figures,
  { name, operationId, plans, seed, isQuick }: Case,
): Promise<string | undefined> {
  let attempts = 0
  let failure: string | undefined
  const property = fc.asyncProperty(plans, async (plan) => {
    const attempt = attempts++
    const client = new Client(world.subject, world, `${name}-${attempt}`)
    let isAccepted = false
    try {
      isAccepted = await plan.run(client)
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      failure = describe(plan, error)
      throw error
    } finally {
      // What is tried to make a failing case smaller is none of the run's cases.
      if (attempt === 0) figures.note(operationId, plan, isAccepted, client.statuses)
    }
  })
  const result = await fc.check(property, {
    seed,
    numRuns: 1,
    endOnFailure: isQuick,
    interruptAfterTimeLimit: CASE_MS,
    markInterruptAsFailure: false,
  })
  if (!result.failed) return undefined
  // A defect of the fuzzer itself.
  if (failure === undefined) throw result.errorInstance
  return failure
}

const describe = ({ kind, what }: Plan, { violations, exchanges }: Violation): string =>
  [
    `${kind}: ${what}`,
    ...exchanges.map((exchange) => `  ${exchange}`),
    ...violations.map((violation) => `  violated: ${violation}`),
  ].join('\n')

/** The seed of a case: neighbours have nothing in common. */
function mix(seed: number, number: number): number {
  let mixed = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(number, 0xc2b2ae35)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d)
  return mixed ^ (mixed >>> 13)
}
