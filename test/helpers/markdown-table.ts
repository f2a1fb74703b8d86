/** Tables of a Markdown page, for tests that hold the service to what the documentation says. */
import { readFileSync } from 'node:fs'
import path from 'node:path'

const ROOT = path.resolve(import.meta.dirname, '../..')

/** The rows of the table below a heading: each by the titles of its columns, without backticks. */
export function readTable(page: string, heading: string): Record<string, string>[] {
  const text = readFileSync(path.join(ROOT, page), 'utf8')
  const [, section] = text.split(`\n## ${heading}\n`)
  if (section === undefined) throw new Error(`${page} has no heading "${heading}"`)
  const lines = section.split(/\n## /)[0]!.match(/^\|.*\|$/gm) ?? []
  const [titles, , ...rows] = lines.map(cellsOf)
  return rows.map((row) => Object.fromEntries(titles!.map((title, index) => [title, row[index] ?? ''])))
}

const cellsOf = (line: string): string[] =>
  line
    .slice(1, -1)
    .split('|')
    .map((cell) => cell.replaceAll('`', '').trim())
