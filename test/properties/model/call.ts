/** One command: requests of one caller to the service, and the comparison of what it answers with the model. */
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import type { Answer, TestService } from '../../helpers/service.js'
import type { Directory, User } from './directory.js'
import { attempt, Refusal, type Reply } from './rules.js'

export const CALLERS = ['boss', 'helper', 'registrar', 'clerk', 'outsider', 'deputy'] as const
export type CallerName = (typeof CALLERS)[number]

export interface Caller {
  id: number
  key: string
  /** As `GET /me/` names it. */
  credential: string
}

/** What the commands run against. */
export interface Real {
  service: TestService
  callers: Record<CallerName, Caller>
  /** The permissions that are given and taken. */
  pool: readonly number[]
}

type Act = (call: Call) => Promise<void>

export class Command implements fc.AsyncCommand<Directory, Real> {
  readonly #requests: string[] = []

  constructor(
    readonly by: CallerName,
    readonly act: Act,
  ) {}

  check(): boolean {
    return true
  }

  run(directory: Directory, real: Real): Promise<void> {
    return this.act(new Call(directory, real, this.by, this.#requests))
  }

  /** For every run one of its own, so that it tells what it did in that run. */
  [fc.cloneMethod](): Command {
    return new Command(this.by, this.act)
  }

  toString(): string {
    return this.#requests.join('; ')
  }
}

export class Call {
  readonly caller: Caller

  constructor(
    readonly directory: Directory,
    readonly real: Real,
    readonly name: CallerName,
    readonly requests: string[],
  ) {
    this.caller = real.callers[name]
  }

  /** Makes a request. One that makes its own caller more powerful is a failure, whatever is answered. */
  async send(method: string, path: string, body?: unknown): Promise<Answer> {
    const { service } = this.real
    const options = { key: this.caller.key, body }
    const send = () => service.request(method, path.startsWith('/admin/') ? path : `/admin${path}`, options)
    this.requests.push(`${this.name} ${method} ${path} ${JSON.stringify(body) ?? ''}`.trim())
    if (method === 'GET') return send()
    const before = await powersOf(this.real, this.caller.id)
    const answer = await send()
    const after = await powersOf(this.real, this.caller.id)
    const gained = [...after].filter((power) => !before.has(power))
    if (gained.length > 0 && !before.has('is_superuser'))
      this.fail(`the caller gained ${gained.join(', ')} by its own request`)
    return answer
  }

  /** Runs the operation on the model, and compares. */
  expect(answer: Answer, operation: () => Reply): void {
    const wanted = attempt(operation)
    this.same(seen(answer), told(wanted instanceof Refusal ? wanted.reply : wanted))
  }

  same(found: unknown, wanted: unknown): void {
    if (isDeepStrictEqual(found, wanted)) return
    this.fail(`found ${JSON.stringify(found)}, wanted ${JSON.stringify(wanted)}`)
  }

  fail(why: string): never {
    throw new Error(`${this.requests.at(-1)}: ${why}`)
  }
}

/** What the caller may do, as the database has it. */
async function powersOf({ service }: Real, id: number): Promise<Set<string>> {
  const { rows } = await service.pool.query<{ power: string }>(
    `with caller as (select * from auth_user where id = $1 and is_active),
     own as (select permission_id from auth_user_user_permissions join caller on caller.id = user_id),
     conferred as (
       select permission_id from auth_user_groups join caller on caller.id = user_id
       join auth_group_permissions using (group_id)
     )
     select 'is_superuser' as power from caller where is_superuser
     union select 'is_staff' from caller where is_staff
     union select 'permission ' || permission_id from (table own union table conferred) as held`,
    [id],
  )
  return new Set(rows.map(({ power }) => power))
}

/** What the model knows of an answer. */
function seen({ status, body }: Answer): Reply {
  if (status >= 400) return problem(body)
  if (status === 204) return { status }
  return { status, body: Array.isArray(body.results) ? list(body) : body }
}

const problem = ({ status, code, errors, missing_permissions: missing }: any): Reply =>
  told({
    status,
    code,
    ...(errors && { errors: errors.map((fault: any) => `${fault.pointer} ${fault.code}`) }),
    ...(missing && { missing }),
  })

const list = ({ results, ...envelope }: any) => ({
  ...envelope,
  ...('next' in envelope && { next: envelope.next !== null, previous: envelope.previous !== null }),
  // The model knows no entity tags.
  results: results.map(({ etag: _etag, ...item }: any) =>
    item.problem === undefined ? item : { id: item.id, ...problem(item.problem) },
  ),
})

/** Without an order where there is none. */
function told(reply: Reply & { id?: unknown }): Reply {
  const { errors, missing, ...rest } = reply
  return {
    ...rest,
    ...(errors && { errors: errors.toSorted() }),
    ...(missing && { missing: missing.toSorted() }),
  }
}

/** The answers of a bulk request: each told like one of its own. */
export const toldEach = (reply: Reply): Reply => ({
  ...reply,
  body: { results: (reply.body as { results: (Reply & { user?: User })[] }).results.map(told) },
})
