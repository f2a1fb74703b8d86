/** The formats of files of users. */
import type { RECORD_FIELDS, UserRecord } from '../../../schemas/index.js'
import type { Entry } from '../../domain/import/record.js'
import { csvHeader, readCsv, writeCsv } from './csv.js'
import { readNdjson, writeNdjson } from './ndjson.js'

export const FORMATS = ['ndjson', 'csv'] as const
export type Format = (typeof FORMATS)[number]

/** What the name of a file says, or else NDJSON. */
export const formatOf = (name: string): Format => (/\.csv$/i.test(name) ? 'csv' : 'ndjson')

/** Reads records, some at once. */
export const READERS: Record<Format, (chunks: AsyncIterable<Buffer>) => AsyncGenerator<Entry[]>> = {
  ndjson: readNdjson,
  csv: readCsv,
}

interface Writer {
  header(fields: (typeof RECORD_FIELDS)[number][]): string
  rows(records: readonly Partial<UserRecord>[], fields: (typeof RECORD_FIELDS)[number][]): string
}

/** Writes records that have these fields. */
export const WRITERS: Record<Format, Writer> = {
  ndjson: { header: () => '', rows: writeNdjson },
  csv: { header: csvHeader, rows: writeCsv },
}
