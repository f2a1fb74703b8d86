/** CSV (RFC 4180): a header with the names of the fields, then one record a row. */
import { pipeline } from 'node:stream/promises'
import { CsvError, parse } from 'csv-parse'
import { stringify } from 'csv-stringify/sync'
import { RECORD_FIELDS, type UserRecord } from '../../../schemas/index.js'
import type { Entry } from '../../domain/import/record.js'
import { CommandError } from '../failure.js'
import { formula, plain } from './formula.js'
import { MAX_RECORD_BYTES } from './ndjson.js'

type Field = (typeof RECORD_FIELDS)[number]
type Cell = string | boolean | null | undefined | readonly string[]

/** Rows that are handed on at once. */
const BATCH = 500

const FLAGS: readonly string[] = ['is_active', 'is_staff', 'is_superuser'] satisfies Field[]
const SETS: readonly string[] = ['groups', 'user_permissions'] satisfies Field[]

export const csvHeader = (fields: readonly string[]): string => stringify([fields as string[]])

/** Rows without a header. A set is a JSON array in its cell: names may hold any character that could part them. */
export const writeCsv = (records: readonly Partial<UserRecord>[], fields: readonly Field[]): string =>
  stringify(records.map((record) => fields.map((field) => cellOf(record[field]))))

function cellOf(value: Cell): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'string') return formula(value)
  if (typeof value === 'boolean') return String(value)
  return value.length === 0 ? '' : JSON.stringify(value)
}

/**
 * The records of a file. An empty cell is a field that is absent.
 * @throws CommandError for a header that names what no user has, and for what is no CSV from some line on
 */
export async function* readCsv(chunks: AsyncIterable<Buffer>): AsyncGenerator<Entry[]> {
  const parser = parse({ bom: true, info: true, relax_column_count: true, max_record_size: MAX_RECORD_BYTES })
  // What fails destroys the parser, which tells it.
  pipeline(utf8Of(chunks), parser).catch(() => {})
  let fields: Field[] | undefined
  let line = 0
  let batch: Entry[] = []
  try {
    for await (const { record, info } of parser as AsyncIterable<{
      record: string[]
      info: { lines: number }
    }>) {
      const first = line + 1
      line = info.lines
      if (record.length === 1 && record[0] === '') continue
      if (fields === undefined) fields = fieldsOf(record)
      else batch.push(entryOf(first, record, fields))
      if (batch.length < BATCH) continue
      yield batch
      batch = []
    }
  } catch (error) {
    throw error instanceof CsvError ? brokenCsv(error) : error
  }
  yield batch
}

/** In words of our own: those of the parser quote the row. */
function brokenCsv(error: CsvError): CommandError {
  return new CommandError(
    `This is no CSV at line ${String(error.lines)}: ${BROKEN[error.code] ?? 'a quote stands where none may'}.`,
  )
}

const BROKEN: Partial<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quote is not closed before the end',
  CSV_MAX_RECORD_SIZE: `a row has more than ${MAX_RECORD_BYTES} bytes`,
}

/** Otherwise what is not UTF-8 would become replacement characters. */
async function* utf8Of(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const check = (chunk?: Buffer) => {
    try {
      decoder.decode(chunk, { stream: chunk !== undefined })
    } catch {
      throw new CommandError('The file is not UTF-8.')
    }
  }
  for await (const chunk of chunks) {
    check(chunk)
    yield chunk
  }
  check()
}

function fieldsOf(header: readonly string[]): Field[] {
  const names = header.map((name) => name.trim())
  const unknown = names.filter((name) => !(RECORD_FIELDS as readonly string[]).includes(name))
  const repeated = names.filter((name, index) => names.indexOf(name) < index)
  if (unknown.length > 0)
    throw new CommandError(
      `The header must name fields of a user (${RECORD_FIELDS.join(', ')}), and not ${unknown.map((name) => JSON.stringify(name.slice(0, 100))).join(', ')}.`,
    )
  if (repeated.length > 0) throw new CommandError(`The header repeats ${repeated.join(', ')}.`)
  if (!names.includes('username')) throw new CommandError('The header must name username.')
  return names as Field[]
}

function entryOf(line: number, cells: readonly string[], fields: readonly Field[]): Entry {
  if (cells.length !== fields.length) {
    const detail = `The row has ${cells.length} cells, and the header ${fields.length}.`
    return { line, fault: { pointer: '', code: 'invalid', detail } }
  }
  const filled = fields.flatMap((field, index) =>
    cells[index] === '' ? [] : [[field, valueOf(field, cells[index]!)]],
  )
  return { line, value: Object.fromEntries(filled) }
}

/** What does not stand for a value of the type stays a text, and is refused as one. */
function valueOf(field: Field, cell: string): unknown {
  if (FLAGS.includes(field)) return { true: true, false: false }[cell.toLowerCase()] ?? cell
  if (!SETS.includes(field)) return plain(cell)
  try {
    return JSON.parse(cell)
  } catch {
    return cell
  }
}
