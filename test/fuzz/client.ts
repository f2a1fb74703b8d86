/** Sends the requests of one case, checks what holds for every answer, and remembers them for whoever reads of a failure. */
import type { OutgoingHttpHeaders } from 'node:http'
import type { Answer, Exchange } from '../../src/contract/http.js'
import type { Subject } from '../../src/contract/subject.js'
import { checkAny } from './checks.js'
import { type Sent, urlOf } from './requests.js'
import type { World } from './world.js'

/** What was asked and answered otherwise than it should. */
export class Violation extends Error {
  constructor(
    readonly violations: readonly string[],
    readonly exchanges: readonly string[],
  ) {
    super(violations.join('\n'))
  }
}

export interface SendOptions {
  /** null for no credentials; those of the run by default */
  authorization?: string | null
  headers?: OutgoingHttpHeaders
  rawBody?: string
}

/** Characters of a request or an answer that a failure shows. */
const SHOWN = 600

export class Client {
  readonly #exchanges: string[] = []
  readonly statuses: number[] = []

  /** @param name of the case, which no other has, and no other attempt at it */
  constructor(
    readonly subject: Subject,
    readonly world: World,
    readonly name: string,
  ) {}

  async send(sent: Sent, options: SendOptions = {}): Promise<Answer> {
    const { mediaType, body, text } = sent
    const rawBody = text ?? (body === undefined ? undefined : JSON.stringify(body))
    const type = rawBody === undefined ? {} : { 'content-type': mediaType ?? 'application/json' }
    return this.call(sent.entry.method, urlOf(sent), {
      ...(rawBody === undefined ? {} : { rawBody }),
      ...options,
      headers: this.#named({ ...type, ...sent.headers, ...options.headers }),
    })
  }

  /** Two cases may draw the same key, and mean two requests. */
  #named(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
    const key = headers['idempotency-key']
    if (typeof key !== 'string') return headers
    return { ...headers, 'idempotency-key': key.replace(/^"([\w-]+)"$/, `"${this.name}-$1"`) }
  }

  /** @throws Violation where the answer is otherwise than any may be */
  async call(method: string, path: string, options: SendOptions = {}): Promise<Answer> {
    const shown = curl(method, path, options)
    const answer = await this.subject.call(method, path, options).catch((error: Error) => {
      throw new Violation([`no answer: ${error.message}`], [...this.#exchanges, shown])
    })
    this.statuses.push(answer.status)
    this.#exchanges.push(`${shown}\n    → ${answer.status} ${answer.text.slice(0, SHOWN)}`)
    // Looked at here once more, where it is known that nothing else is asked for.
    this.subject.takeViolations()
    this.check(checkAny(this.subject.document, { method, path } as Exchange, answer))
    this.world.noteAnswer(answer)
    return answer
  }

  /** @throws Violation where anything is wrong */
  check(violations: readonly string[]): void {
    if (violations.length > 0) throw new Violation(violations, this.#exchanges)
  }

  read(path: string): Promise<Answer> {
    return this.call('GET', path)
  }
}

/** The request as a command line, but for the credentials of the run. */
function curl(method: string, path: string, { authorization, headers = {}, rawBody }: SendOptions): string {
  const quoted = (text: string) => `'${text.replaceAll("'", String.raw`'\''`)}'`
  const who = authorization === undefined ? ['Authorization: Bearer KEY'] : [authorization ?? '']
  const named =
    authorization === undefined ? who : who.filter(Boolean).map((text) => `Authorization: ${text}`)
  const lines = [
    ...named,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${String(value ?? '')}`),
  ]
  const options = lines.map((line) => ` -H ${quoted(line)}`).join('')
  const data = rawBody === undefined ? '' : ` --data-raw ${quoted(rawBody.slice(0, SHOWN))}`
  return `curl -X ${method} ${quoted(`URL${path}`)}${options}${data}`
}
