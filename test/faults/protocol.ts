/** Cuts a stream of PostgreSQL's protocol into its messages. */

export interface Message {
  /** A letter; undefined for the first of a client. */
  type: string | undefined
  bytes: Buffer
  /** Of a statement that begins: its SQL, or the name under which it was prepared. */
  text: string | undefined
  /** Whether the server answers it, and what came before it, with ReadyForQuery. */
  endsStatement: boolean
}

export class MessageReader {
  #rest: Buffer = Buffer.alloc(0)
  #hasTypes: boolean
  /** Whether a statement was begun, and others of its messages are no news. */
  #isInside = false

  /** @param hasTypes whether the first message has one: a client's has not */
  constructor({ hasTypes }: { hasTypes: boolean }) {
    this.#hasTypes = hasTypes
  }

  read(chunk: Buffer): Message[] {
    this.#rest = Buffer.concat([this.#rest, chunk])
    const messages: Message[] = []
    for (;;) {
      const start = this.#hasTypes ? 1 : 0
      if (this.#rest.length < start + 4) return messages
      const length = start + this.#rest.readInt32BE(start)
      if (this.#rest.length < length) return messages
      const bytes = this.#rest.subarray(0, length)
      this.#rest = this.#rest.subarray(length)
      messages.push(this.#messageOf(bytes))
      this.#hasTypes = true
    }
  }

  #messageOf(bytes: Buffer): Message {
    const type = this.#hasTypes ? String.fromCharCode(bytes[0]!) : undefined
    const endsStatement = type === 'Q' || type === 'S'
    const text = this.#isInside ? undefined : textOf(type, bytes)
    this.#isInside = !endsStatement && (this.#isInside || text !== undefined)
    return { type, bytes, text, endsStatement }
  }
}

function textOf(type: string | undefined, bytes: Buffer): string | undefined {
  const strings = () => bytes.subarray(5).toString('latin1').split('\0')
  if (type === 'Q') return strings()[0]
  // Parse and Bind: the name comes first in the one, and second in the other.
  if (type === 'P') return strings()[0] || strings()[1]
  return type === 'B' ? strings()[1] : undefined
}
