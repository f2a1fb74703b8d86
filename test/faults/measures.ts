/** What is measured of answers, and how it is said. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Answered, clock, type Load } from './load.js'

/** Milliseconds that an answer may take in normal times: a busy machine stands still for a second or two. */
const SLOW_MS = 3_000

/** Milliseconds from the end of a fault until the last answer that was no success, or slow. */
export function backToNormalAfter(faultEnd: number, answers: readonly Answered[]): number {
  return answers.reduce((longest, { outcome, began, ended }) => {
    const isNormal = outcome === 'done' && ended - began < SLOW_MS
    return isNormal ? longest : Math.max(longest, ended - faultEnd)
  }, 0)
}

/** Waits until so many answers in a row were successes. */
export async function untilNormal({ answers }: Load, count = 200): Promise<void> {
  const first = answers.length
  for (const began = clock(); clock() - began < 30_000; await sleep(20)) {
    const newest = answers.slice(Math.max(first, answers.length - count))
    if (newest.length === count && newest.every(({ outcome }) => outcome === 'done')) return
  }
  throw new Error('it has not come back to normal')
}

/** "2,310 answers: 2,288 were 200, 22 were 503". */
export function countAnswers(answers: readonly Answered[]): string {
  const refused = answers.filter(({ outcome }) => outcome !== 'done')
  const unknown = refused.filter(({ outcome }) => outcome === 'unknown')
  return [
    `${number(answers.length)} answers: ${number(answers.length - refused.length)} were 200`,
    `${number(refused.length)} were 503`,
    ...(unknown.length > 0 ? [`${number(unknown.length)} of them that nobody knows what was written`] : []),
  ].join(', ')
}

export const number = (value: number): string => value.toLocaleString('en')

export const seconds = (milliseconds: number): string => `${(milliseconds / 1_000).toFixed(1)} s`

/** Milliseconds that the slowest answer took. */
export const slowest = (answers: readonly Answered[]): number =>
  answers.reduce((most, { began, ended }) => Math.max(most, ended - began), 0)
