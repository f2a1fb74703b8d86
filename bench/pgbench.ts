/** pgbench: PostgreSQL's own generator of load, with scripts out of statements that were recorded. */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import type { SentStatement } from './recording.js'

/** Where pgbench is: on the PATH, or among the programs of a PostgreSQL of Debian's. */
export function findPgbench(): string | undefined {
  const runs = (file: string) => spawnSync(file, ['--version']).status === 0
  const folder = '/usr/lib/postgresql'
  return ['pgbench', ...versionsIn(folder).map((version) => `${folder}/${version}/bin/pgbench`)].find(runs)
}

function versionsIn(folder: string): string[] {
  try {
    return readdirSync(folder).toSorted().toReversed()
  } catch {
    return []
  }
}

/** Text that stands for something else in each transaction → an expression of pgbench's variables. */
export type Replacements = Map<string, string>

export interface Script {
  text: string
  /** Values that are always the same: variables too, so that the planner does not see through them. */
  variables: Record<string, string>
}

/**
 * A script that does what was recorded, for another user and another value each time. What was sent without
 * waiting for an answer goes through a pipeline here as well.
 */
export function scriptOf(
  statements: readonly SentStatement[],
  users: number,
  replacements: Replacements,
): Script {
  const variables: Record<string, string> = {}
  const lines = [
    String.raw`\set id random(1, ${users})`,
    String.raw`\set name random(1, 1000000000)`,
    String.raw`\set request random(1, 1000000000000)`,
  ]
  statements.forEach(({ sql, values, isPipelined }, index) => {
    if (!isPipelined) lines.push(...(index > 0 ? [String.raw`\endpipeline`] : []), String.raw`\startpipeline`)
    const placed = sql.replaceAll(/\$(\d+)/g, (_, place: string) =>
      expressionOf(values[Number(place) - 1], replacements, variables),
    )
    lines.push(`${placed};`)
  })
  return { text: [...lines, String.raw`\endpipeline`, ''].join('\n'), variables }
}

/** pgbench's own variables are numbers, so what changes is put together by an expression around them. */
function expressionOf(value: unknown, replacements: Replacements, variables: Script['variables']): string {
  if (value === null || value === undefined) return 'null'
  const wanted = [...replacements.keys()].map((text) => String.raw`(?<!\d)${text}(?!\d)`)
  const parts = textForm(value).split(new RegExp(`(${wanted.join('|')})`))
  if (parts.length === 1) {
    const name = `constant_${Object.keys(variables).length}`
    variables[name] = parts[0]!
    return `:${name}`
  }
  return `(${parts.map((part) => replacements.get(part) ?? literal(part)).join(' || ')})`
}

/** Without a colon, which would begin a variable of pgbench's. */
const literal = (text: string) =>
  `E'${text
    .replaceAll('\\', '\\\\')
    .replaceAll("'", String.raw`\'`)
    .replaceAll(':', String.raw`\x3a`)}'`

/** As PostgreSQL reads a value. */
function textForm(value: unknown): string {
  if (Buffer.isBuffer(value)) return String.raw`\x${value.toString('hex')}`
  if (Array.isArray(value)) return `{${value.map((item) => JSON.stringify(textForm(item))).join(',')}}`
  if (value instanceof Date) return value.toISOString()
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
