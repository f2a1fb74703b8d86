/** The options of `npm run bench`. */
import { parseArgs } from 'node:util'
import { SCENARIO_NAMES, type ScenarioName } from './scenario-names.js'

export interface Options {
  /** How often each thing is measured; medians are taken of them. */
  rounds: number
  /** How long each measurement takes, without its warm-up. */
  seconds: number
  /** Users in the table. */
  users: number
  /** Users in the large table of `size`. */
  largeUsers: number
  soakSeconds: number
  only: ScenarioName[]
  /** Whether it only shows that everything works: the results are not kept. */
  quick: boolean
}

export const USAGE = `npm run bench -- [options]

  --rounds N      how often each thing is measured; medians are reported (5)
  --seconds N     length of a measurement (8)
  --users N       users in the table (100000)
  --only A,B,…    what to run: ${SCENARIO_NAMES.join(', ')}
                  (patch,get,statements)
  --all           all of it, about 40 minutes
  --quick         one short round, a small table, and results that are not kept
  --help
`

const MAIN: ScenarioName[] = ['patch', 'get', 'statements']

/** @throws Error that says what is wrong with the arguments */
export function readOptions(args: string[]): Options | undefined {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      users: { type: 'string' },
      only: { type: 'string' },
      all: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const { quick } = values
  return {
    rounds: count('rounds', values.rounds, quick ? 1 : 5),
    seconds: count('seconds', values.seconds, quick ? 1 : 8),
    users: count('users', values.users, quick ? 5_000 : 100_000),
    largeUsers: quick ? 50_000 : 1_000_000,
    soakSeconds: quick ? 10 : 300,
    only: values.all ? [...SCENARIO_NAMES] : chosen(values.only),
    quick,
  }
}

function count(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text)
  throw new Error(`--${name} must be a whole number from 1.`)
}

function chosen(text: string | undefined): ScenarioName[] {
  if (text === undefined) return MAIN
  return text.split(',').map((name) => {
    const known = SCENARIO_NAMES.find((candidate) => candidate === name.trim())
    if (known === undefined) throw new Error(`--only knows ${SCENARIO_NAMES.join(', ')}, and not ${name}.`)
    return known
  })
}
