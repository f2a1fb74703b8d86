/** The service under test, known by nothing but its URL, a key and its published document. */
import type { OutgoingHttpHeaders } from 'node:http'
import { PublishedDocument } from './document.js'
import { type Answer, exchange } from './http.js'
import { inspect } from './inspect.js'

export interface CallOptions {
  /** The credentials; null for none. Those of the suite by default. */
  authorization?: string | null
  /** A JSON body. */
  body?: unknown
  /** A body as it is. */
  rawBody?: string | Buffer
  headers?: OutgoingHttpHeaders
}

export type User = Record<string, any>

/** Makes requests, and notes whatever an answer does otherwise than the document says. */
export class Subject {
  readonly #base: URL
  readonly #authorization: string
  #violations: string[] = []

  private constructor(
    url: string,
    key: string,
    readonly document: PublishedDocument,
  ) {
    this.#base = new URL(url)
    this.#authorization = `Bearer ${key}`
  }

  static async open(url: string, key: string): Promise<Subject> {
    const { pathname } = new URL(url)
    const path = `${pathname.replace(/\/$/, '')}/openapi.json`
    const { status, body } = await exchange(new URL(url), { method: 'GET', path })
    if (status !== 200 || body === undefined)
      throw new Error(`${path} was answered with ${status}, not with a document`)
    return new Subject(url, key, new PublishedDocument(body))
  }

  /** `path` is written into the request as it is, after the path of the URL of the service. */
  async call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const { authorization = this.#authorization, body, rawBody, headers } = options
    const request = {
      method,
      path: this.#base.pathname.replace(/\/$/, '') + path,
      body: rawBody ?? (body === undefined ? undefined : JSON.stringify(body)),
      headers: {
        ...(authorization === null ? {} : { authorization }),
        ...(body === undefined && rawBody === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
    }
    const answer = await exchange(this.#base, request)
    this.#violations.push(...inspect(this.document, { ...request, path }, answer))
    return answer
  }

  /** What answers did otherwise since the last time this was asked. */
  takeViolations(): string[] {
    const violations = [...new Set(this.#violations)]
    this.#violations = []
    return violations
  }

  /** The path of a link, as `call` takes it. */
  pathIn(link: string): string {
    const { pathname, search } = new URL(link, this.#base)
    const base = this.#base.pathname.replace(/\/$/, '')
    return (pathname.startsWith(`${base}/`) ? pathname.slice(base.length) : pathname) + search
  }

  userPath(id: number | string): string {
    return this.document.pathOf('updateUser').replace('{id}', String(id))
  }
}

/** One user of the service, whose original state is remembered. */
export class Account {
  private constructor(
    readonly subject: Subject,
    readonly id: number,
    readonly original: User,
  ) {}

  static async open(subject: Subject, id: number): Promise<Account> {
    const { status, body } = await subject.call('GET', subject.userPath(id))
    if (status !== 200) throw new Error(`The user ${id} can't be read: ${status} ${body?.detail ?? ''}`)
    return new Account(subject, id, body)
  }

  get path(): string {
    return this.subject.userPath(this.id)
  }

  read(): Promise<Answer> {
    return this.subject.call('GET', this.path)
  }

  async user(): Promise<User> {
    return (await this.read()).body
  }

  update(patch: User, headers: OutgoingHttpHeaders = {}): Promise<Answer> {
    return this.subject.call('PATCH', this.path, { body: this.bodyOf(patch), headers })
  }

  /** The patch, with those fields that this deployment demands of every PATCH. */
  bodyOf(patch: User): User {
    const { required = [] } = this.subject.document.schema('UserUpdate')
    return { ...Object.fromEntries(required.map((field) => [field, this.original[field]])), ...patch }
  }

  /** The same as a JSON text, whose last members are written as they are. */
  textOf(members: string): string {
    const demanded = Object.entries(this.bodyOf({})).filter(([field]) => !members.includes(`"${field}":`))
    const before = demanded.map((member) => member.map((part) => JSON.stringify(part)).join(':'))
    return `{${[...before, members].join()}}`
  }

  /** Whether a field may be changed: a value that could not be written today could not be put back. */
  canPutBack(field: string): boolean {
    const schema = this.subject.document.schema('UserUpdate').properties?.[field] ?? {}
    const value: unknown = this.original[field]
    if (typeof value === 'string') {
      const stripped = value.trim() === value && value.normalize('NFKC') === value
      const domain = field === 'email' ? value.slice(value.lastIndexOf('@')) : ''
      if (!stripped || domain.toLowerCase() !== domain) return false
    }
    return this.subject.document.violations(schema, value).length === 0
  }

  /** Puts back whatever differs from the original state, but a password. */
  async restore(): Promise<void> {
    const now = await this.user()
    const differing = Object.keys(this.original).filter(
      (field) => field !== 'password' && JSON.stringify(now[field]) !== JSON.stringify(this.original[field]),
    )
    if (differing.length === 0) return
    const patch = Object.fromEntries(differing.map((field) => [field, this.original[field]]))
    const { status, text } = await this.update({ ...patch, ...this.#passwordAsItIs(now) })
    if (status !== 200)
      throw new Error(`User ${this.id} could not be put back (${differing}): ${status} ${text}`)
  }

  #passwordAsItIs(now: User): User {
    const { required = [] } = this.subject.document.schema('UserUpdate')
    return required.includes('password') ? { password: now.password } : {}
  }
}
