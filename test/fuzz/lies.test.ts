/** A service that lies, once for each promise: the fuzzer must find each of them by asking. */
import t from 'tap'
import type { Answer } from '../../src/contract/http.js'
import { type CallOptions, Subject } from '../../src/contract/subject.js'
import { startService } from '../helpers/service.js'
import { fuzz } from './fuzz.js'

const service = await startService(t, { PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1' })
const { key } = await service.makeCaller()
const STRANGERS = ['', `Bearer uak_${'x'.repeat(43)}`]

type Call = Subject['call']
/** Asks the true service, and tells something else. */
type Lie = (ask: Call, method: string, path: string, options: CallOptions) => Promise<Answer>

/** Cases within which a lie is found: where it is rare, the case that shows it is one of fifty. */
const RUNS = 600

interface Told {
  /** Operations that it is told of. */
  only: string[]
  /** Cases after which it is known. */
  runs?: number
  lie: Lie
  /** What is said of it. */
  found: RegExp
}

const told = (answer: Answer, headers: Record<string, string | undefined>): Answer => ({
  ...answer,
  headers: { ...answer.headers, ...headers },
})

const problem = (status: number, code: string, { headers }: Answer): Answer => {
  const type = `${service.url}/admin/problems/#${code}`
  const body = { type, title: code, status, code, detail: 'No.', request_id: headers['x-request-id'] }
  const answer = { status, body, text: JSON.stringify(body), milliseconds: 0 }
  return {
    ...answer,
    headers: { ...headers, 'content-type': 'application/problem+json; charset=utf-8', etag: undefined },
  } as Answer
}

/** Tells something else where the answer is so. */
const where =
  (isSo: (answer: Answer, method: string, path: string) => boolean, tell: (answer: Answer) => Answer): Lie =>
  async (ask, method, path, options) => {
    const answer = await ask(method, path, options)
    return isSo(answer, method, path) ? tell(answer) : answer
  }

/** Answers another question: one with these options. */
const asIf =
  (change: (options: CallOptions) => CallOptions): Lie =>
  (ask, method, path, options) =>
    ask(method, path, change(options))

/** What is deleted is read for ever as it was. */
function immortal(): Lie {
  const seen = new Map<string, Answer>()
  return async (ask, method, path, options) => {
    const bare = path.replace(/\?.*/, '')
    if (method === 'DELETE') seen.set(bare, await ask('GET', bare))
    const answer = await ask(method, path, options)
    return method === 'GET' && answer.status === 404 ? (seen.get(bare) ?? answer) : answer
  }
}

/** What was just made is not there yet. */
function late(): Lie {
  let isMade = false
  return async (ask, method, path, options) => {
    const answer = await ask(method, path, options)
    if (method === 'GET' && isMade) {
      isMade = false
      return problem(404, 'not_found', answer)
    }
    isMade = method === 'POST' && answer.status === 201 && options.rawBody !== undefined
    return answer
  }
}

const withoutHeaders = (...names: string[]) =>
  asIf((options) => ({
    ...options,
    headers: Object.fromEntries(
      Object.entries(options.headers ?? {}).filter(([name]) => !names.includes(name)),
    ),
  }))

const isSearched = ({ status }: Answer, _: string, path: string) =>
  status === 200 && /\?(?:user)?name=/.test(path)
const emptied = (answer: Answer): Answer => ({ ...answer, body: { ...answer.body, results: [] } })

const LIES: Record<string, Told> = {
  'a status that is not documented': {
    only: ['readMe'],
    lie: where(
      ({ status }, _, path) => status === 200 && path.includes('/me/'),
      (answer) => ({ ...answer, status: 202 }),
    ),
    found: /is not documented/,
  },
  'a valid request is refused': {
    only: ['updateUser'],
    lie: where(
      ({ status }, method) => status === 200 && method === 'PATCH',
      (answer) => problem(403, 'permission_denied', answer),
    ),
    found: /positive: valid[^]*a valid request was refused/,
  },
  'a valid request is always told to have come late': {
    only: ['updateUser'],
    runs: 80,
    lie: (ask, method, path, options) => {
      const { 'if-match': condition = '*', ...headers } = options.headers ?? {}
      const isTrue = method === 'PATCH' && /^(?:\*|"[^"]*")$/.test(String(condition))
      return ask(
        method,
        path,
        isTrue ? { ...options, headers: { ...headers, 'if-match': '"late"' } } : options,
      )
    },
    found: /updateUser accepted none of its valid requests/,
  },
  'a wrong body is refused for something else': {
    only: ['updateUser'],
    lie: where(
      ({ status }) => status === 400,
      (answer) => problem(404, 'not_found', answer),
    ),
    found: /negative: [^]*answered with 404, not refused with 400/,
  },
  'a wrong parameter is accepted': {
    only: ['listUsers'],
    lie: async (ask, method, path, options) => {
      const answer = await ask(method, path, options)
      return answer.status === 400 ? ask(method, path.replace(/\?.*/, ''), options) : answer
    },
    found: /negative: [^]*answered with 200, not refused with 400/,
  },
  'an unknown method is said to be one': {
    only: ['readMe'],
    lie: where(
      ({ status }) => status === 405,
      (answer) => told(answer, { allow: `${answer.headers.allow}, TRACE` }),
    ),
    found: /protocol: the method [^]*Allow names/,
  },
  'credentials are ignored': {
    only: ['readMe'],
    lie: asIf(({ authorization: _, ...options }) => options),
    found: /credentials: [^]*credentials that are none: 200 instead of 401/,
  },
  'credentials matter where they should not': {
    only: ['readHealth'],
    lie: async (ask, method, path, options) => {
      const answer = await ask(method, path, options)
      return typeof options.authorization === 'string' ? { ...answer, text: `${answer.text} ` } : answer
    },
    found: /credentials: [^]*differs with credentials/,
  },
  'an answer is given that is not accepted': {
    only: ['readMe'],
    lie: withoutHeaders('accept'),
    found: /protocol: Accept[^]*nothing that is spoken: 200 instead of 406/,
  },
  'a body of any type is read': {
    only: ['createGroup'],
    lie: withoutHeaders('content-type'),
    found: /protocol: a body of [^]*instead of 415/,
  },
  'HEAD has a tag of its own': {
    only: ['readUser'],
    lie: where(
      (answer, method) => method === 'HEAD' && answer.headers.etag !== undefined,
      (answer) => told(answer, { etag: '"other"' }),
    ),
    found: /protocol: HEAD[^]*HEAD has another etag than GET/,
  },
  'what was made is not there': {
    only: ['createGroup'],
    lie: late(),
    found: /what was written can not be read: 404/,
  },
  'what was changed is not as it was answered': {
    only: ['updateGroup'],
    lie: where(
      ({ status }, method) => method === 'PATCH' && status === 200,
      (answer) => told(answer, { etag: '"other"' }),
    ),
    found: /was written with "other"/,
  },
  'what was deleted is there': {
    only: ['deleteGroup'],
    lie: immortal(),
    found: /is not gone: 200 instead of 404/,
  },
  'what was deleted is used': {
    only: ['readHealth'],
    lie: immortal(),
    found: /life: [^]*is used after its deletion: 200 instead of 404/,
  },
  'what was made is not listed': {
    only: ['readHealth'],
    lie: where(isSearched, emptied),
    found: /life: [^]*the list \(200\) has it 0 times/,
  },
  'a repeated request is done again': {
    only: ['readHealth'],
    lie: where(
      ({ headers }) => 'idempotent-replayed' in headers,
      (answer) => told(answer, { 'idempotent-replayed': undefined }),
    ),
    found: /life: [^]*is not said to be a repetition/,
  },
}

for (const [number, [name, { only, runs = RUNS, lie, found }]] of Object.entries(LIES).entries()) {
  t.test(name, async (t) => {
    const subject = await Subject.open(service.url, key)
    const ask = subject.call.bind(subject)
    subject.call = (method, path, options = {}) => lie(ask, method, path, options)
    const lines: string[] = []
    const { failures } = await fuzz(subject, {
      runs,
      seed: 1,
      // Names and keys that no other lie has used, and the same ones each time.
      salt: `lie-${number}`,
      strangers: STRANGERS,
      only,
      isQuick: true,
      report: (line) => lines.push(line),
    })
    t.equal(failures, 1, 'is found')
    t.match(lines.join('\n'), found)
  })
}

t.test('the truth', async (t) => {
  const lines: string[] = []
  const { failures } = await fuzz(await Subject.open(service.url, key), {
    runs: 200,
    seed: 1,
    strangers: STRANGERS,
    isQuick: true,
    report: (line) => lines.push(line),
  })
  t.strictSame(lines, [])
  t.equal(failures, 0)
})
