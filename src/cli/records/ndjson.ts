/** NDJSON: one JSON object a line. */
import type { UserRecord } from '../../../schemas/index.js'
import type { Entry } from '../../domain/import/record.js'
import { ProblemError } from '../../errors.js'
import { parseJson } from '../../http/json-body.js'
import { type Line, linesOf } from './lines.js'

/** Bytes of a record, in any format: a user with ten thousand groups has less. */
export const MAX_RECORD_BYTES = 4 << 20

export const writeNdjson = (records: readonly Partial<UserRecord>[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join('')

/** The records of a file; lines with nothing on them are none. */
export async function* readNdjson(chunks: AsyncIterable<Buffer>): AsyncGenerator<Entry[]> {
  for await (const lines of linesOf(chunks, MAX_RECORD_BYTES)) yield lines.filter(isFilled).map(entryOf)
}

const SPACE = new Set([0x20, 0x09, 0x0d])
const isFilled = ({ bytes }: Line): boolean => bytes === undefined || !bytes.every((byte) => SPACE.has(byte))

function entryOf({ number: line, bytes }: Line): Entry {
  if (bytes === undefined) {
    const detail = `The line has more than ${MAX_RECORD_BYTES} bytes.`
    return { line, fault: { pointer: '', code: 'max_length', detail } }
  }
  try {
    return { line, value: parseJson(bytes) }
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error
    const detail = error.details.detail!.replace('The body', 'The line')
    return { line, fault: { pointer: '', code: 'parse_error', detail } }
  }
}
