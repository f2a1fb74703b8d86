/** What the tests of this folder measured: each says what it did to the service, what was promised, and what came out. */
import { appendFileSync, readFileSync } from 'node:fs'

/** The chapters of `docs/reliability.md`, in their order. */
export const CHAPTERS = {
  database: 'The database fails',
  load: 'More is asked than can be done',
  clients: 'Clients misbehave',
  machine: 'The machine misbehaves',
  history: 'Everybody writes at once',
  restarts: 'The service is restarted',
  failover: 'Another server takes over',
} as const

export interface Figure {
  chapter: keyof typeof CHAPTERS
  /** What was done: "100 idle connections killed, one after the other". */
  fault: string
  /** What must hold, and what the test asserts: "no process ends; each answer is 200 or 503". */
  promise: string
  /** What was seen: "2,310 answers: 2,288 were 200, 22 were 503; longest time to normal 0.3 s". */
  figure: string
}

/** The file that figures of a run are put into; the runner sets it, and a test that is run by itself has none. */
const FILE = process.env.FAULT_FIGURES

/** Prints a figure, and keeps it for `docs/reliability.md`. Call it after the assertions of the promise. */
export function tellFigure(t: { comment(text: string): unknown }, figure: Figure): void {
  t.comment(`${figure.fault}: ${figure.figure}`)
  if (FILE !== undefined) appendFileSync(FILE, `${JSON.stringify(figure)}\n`)
}

export const readFigures = (file: string): Figure[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Figure)
