/** What commands print: tables for people and JSON for scripts on standard output, and notes beside them. */
import { pipeline } from 'node:stream/promises'
import { Option } from 'commander'

/** The same for every command that has it; where there is a list of any length, it comes as one JSON object a line. */
export const jsonOption = (description = 'as JSON') => new Option('--json', description)

/** Says something that is no result of the command. */
export const note = (message: string): void => void process.stderr.write(`${message}\n`)

/** Prints one value. */
export const printJson = (value: unknown): void =>
  void process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)

/** Prints lines as they come, no faster than they are read. Ends where nobody reads any more. */
export const printLines = (lines: AsyncIterable<string>): Promise<void> =>
  pipeline(lines, process.stdout, { end: false })

/** A text that can't steer the terminal, whatever rules it was stored under. */
export const plain = (text: string): string => text.replaceAll(/\p{Cc}/gu, '?')

/** Rows as lines whose columns stand below each other. */
export const table = (rows: readonly (readonly string[])[]): string => alignedBy(rows)(rows)

/**
 * What aligns further rows by the widths of these; a wider cell pushes those after it to the right.
 * @param samples rows of equal length
 */
export function alignedBy(samples: readonly (readonly string[])[]) {
  const widths = (samples[0] ?? []).map((_, column) => Math.max(...samples.map((row) => row[column]!.length)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => plain(cell).padEnd(widths[column]!))
      .join('  ')
      .trimEnd()
  return (rows: readonly (readonly string[])[]): string => rows.map((row) => `${line(row)}\n`).join('')
}
