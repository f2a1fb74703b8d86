/** What is to be reached: the table of the issue. */

interface Target {
  title: string
  atLeast: number
  aim: number
  /** Whether a higher figure is better. */
  isMoreBetter: boolean
  unit: 'x' | ' MB' | ' ms'
}

const more = (title: string, atLeast: number, aim: number): Target => ({
  title,
  atLeast,
  aim,
  isMoreBetter: true,
  unit: 'x',
})
const less = (title: string, atLeast: number, aim: number, unit: Target['unit'] = 'x'): Target => ({
  title,
  atLeast,
  aim,
  isMoreBetter: false,
  unit,
})

export const FIGURES = {
  patch32: more('PATCH, whole job, 32 connections, against `floor`', 1, 2),
  patch128: more('PATCH, 128 connections, against `floor`', 2, 3.5),
  patch32Ordinary: more('PATCH, 32 connections, against `ordinary`', 5, 10),
  latency1: less('PATCH, 1 connection, latency (p50) against `floor`', 2.5, 1.5),
  tail32: less('PATCH, p99 at 32 connections against `floor`', 1, 0.7),
  get32: more('GET one user, 32 connections, against a bare `SELECT` route', 0.8, 1.5),
  size: more('PATCH, 32 connections, a large table against a small one', 0.9, 1),
  passwords: less('p99 of GET during the password load, against without', 3, 1.5),
  hot: more('hot user, 128 connections, against `ordinary` on the hot user', 3, 10),
  memory: less('resident memory after five minutes, and flat', 200, 120, ' MB'),
  listFirst: less('first page of 1,000,000 users, in the database', 50, 10, ' ms'),
  listDeep: less('page 10,000 of them, by cursor', 50, 10, ' ms'),
  listFilter: less('the slowest of the filters', 50, 25, ' ms'),
  listSearch: less('the slowest of the searches', 50, 25, ' ms'),
  listMemory: less('resident memory while all of them are read, and flat', 250, 200, ' MB'),
} as const satisfies Record<string, Target>

export type FigureId = keyof typeof FIGURES

const DIGITS = { x: 2, ' MB': 0, ' ms': 1 } as const

/** A figure as it is written. */
export const written = (id: FigureId, value: number): string => {
  const { unit } = FIGURES[id]
  return `${value.toFixed(DIGITS[unit])}${unit}`
}

/** What was reached: the aim, what is needed at least, or neither. */
export function verdict(id: FigureId, value: number): 'aim reached' | 'reached' | '**not reached**' {
  const { isMoreBetter, atLeast, aim } = FIGURES[id]
  const meets = (target: number) => (isMoreBetter ? value >= target : value <= target)
  if (meets(aim)) return 'aim reached'
  return meets(atLeast) ? 'reached' : '**not reached**'
}
