/** Cuts bytes into lines. */

export interface Line {
  /** From 1. */
  number: number
  /** Without its end. Undefined for one that is too long: it is not kept. */
  bytes: Buffer | undefined
}

const LINE_FEED = 0x0a
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf])

/**
 * The lines that each chunk completes, without a byte order mark before the first.
 * @param maxBytes of a line
 */
export async function* linesOf(chunks: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Line[]> {
  let rest: Buffer[] = []
  let length = 0
  let number = 0
  const keep = (bytes: Buffer) => {
    length += bytes.length
    if (length <= maxBytes) rest.push(bytes)
    else rest = []
  }
  const take = (): Line => {
    const bytes = length > maxBytes ? undefined : rest.length === 1 ? rest[0] : Buffer.concat(rest)
    rest = []
    length = 0
    number++
    return { number, bytes: number === 1 ? withoutMark(bytes) : bytes }
  }
  for await (const chunk of chunks) {
    const lines: Line[] = []
    let start = 0
    for (let end; (end = chunk.indexOf(LINE_FEED, start)) >= 0; start = end + 1) {
      keep(chunk.subarray(start, end))
      lines.push(take())
    }
    if (start < chunk.length) keep(chunk.subarray(start))
    yield lines
  }
  if (length > 0) yield [take()]
}

const withoutMark = (bytes: Buffer | undefined): Buffer | undefined =>
  bytes?.subarray(0, 3).equals(BYTE_ORDER_MARK) ? bytes.subarray(3) : bytes
