/** The kinds of cases: what each sends, and what it asks of the answers. */
import fc, { type Arbitrary } from 'fast-check'
import {
  checkHead,
  checkIndifferent,
  checkMethod,
  checkNegative,
  checkPositive,
  checkRead,
  checkStatus,
  isAccepted,
} from './checks.js'
import type { Client } from './client.js'
import { lifeOf } from './lives.js'
import { type Entry, isGuarded, negative, positive, type Sent, urlOf } from './requests.js'
import { type Kind, KINDS, type World } from './world.js'

/** One case. */
export interface Plan {
  kind: 'positive' | 'negative' | 'credentials' | 'protocol' | 'life'
  /** What is special about it. */
  what: string
  /** @returns whether a positive request was accepted */
  run(client: Client): Promise<boolean>
}

/** How often each kind is drawn. */
const WEIGHTS: Record<Plan['kind'], number> = {
  positive: 45,
  negative: 40,
  credentials: 5,
  protocol: 8,
  life: 2,
}

/** Cases of one operation. */
export function plansFor(entry: Entry, world: World, strangers: readonly string[]): Arbitrary<Plan> {
  const kinds: Partial<Record<Plan['kind'], Arbitrary<Plan> | undefined>> = {
    positive: positive(entry, world).map(acceptance),
    negative: negative(entry, world)?.map(refusal),
    credentials: fc.tuple(positive(entry, world), fc.constantFrom(...strangers)).map(credentials),
    protocol: protocol(entry, world),
    life: fc.constantFrom<Kind>('users', 'groups').chain((kind) => lifeOf(kind, world)),
  }
  return fc.oneof(
    ...Object.entries(kinds).flatMap(([kind, arbitrary]) =>
      arbitrary === undefined ? [] : [{ weight: WEIGHTS[kind as Plan['kind']], arbitrary }],
    ),
  )
}

const acceptance = (sent: Sent): Plan => ({
  kind: 'positive',
  what: 'valid',
  async run(client) {
    const answer = await client.send(sent)
    client.check(checkPositive(sent.entry.operation.operationId, answer))
    if (isAccepted(answer)) await followUp(client, sent, answer)
    return isAccepted(answer)
  },
})

/** What was made can be read, what was changed is as it was answered, and what was deleted is gone. */
async function followUp(client: Client, sent: Sent, answer: Awaited<ReturnType<Client['send']>>) {
  const { world } = client
  const { method, operation, path } = sent.entry
  if (method === 'GET') return
  const kind = /\/(users|groups)\/(?:\{id\}\/)?/.exec(path)![1] as Kind
  if (operation.operationId === KINDS[kind].create) {
    world.noteMade(kind, answer)
    client.check(checkRead(answer, await client.read(client.subject.pathIn(answer.headers.location!))))
  } else if (answer.headers.etag !== undefined) {
    client.check(checkRead(answer, await client.read(world.pathTo(kind, sent.path.id!))))
  } else if (method === 'DELETE') {
    world.noteDeleted(kind, Number(sent.path.id))
    client.check(checkStatus(await client.read(world.pathTo(kind, sent.path.id!)), 404, 'is not gone'))
  }
}

const refusal = ({ sent, what, statuses }: { sent: Sent; what: string; statuses: number[] }): Plan => ({
  kind: 'negative',
  what,
  async run(client) {
    client.check(checkNegative(await client.send(sent), statuses))
    return false
  },
})

/** Whoever is not known gets nothing; where it does not matter who asks, it makes no difference. */
const credentials = ([sent, stranger]: [Sent, string]): Plan => ({
  kind: 'credentials',
  what: stranger === '' ? 'none' : `the credentials ${stranger}`,
  async run(client) {
    const authorization = stranger === '' ? null : stranger
    const answer = await client.send(sent, { authorization })
    if (!isGuarded(sent.entry)) {
      client.check(checkIndifferent(await client.send(sent, { authorization: null }), answer))
      return false
    }
    client.check(checkStatus(answer, 401, 'credentials that are none'))
    return false
  },
})

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND', 'LOCK', 'SEARCH']
const OTHER_TYPES = [
  // None at all.
  undefined,
  'text/plain',
  'application/xml',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/jsonx',
  'text/json',
  'application/json; charset=utf-16',
  'application/vnd.user-admin.dry-run+json',
]
const OTHER_ANSWERS = [
  'text/html',
  'image/*',
  'application/xml, text/plain;q=0.5',
  'application/json;q=0',
  'none',
]

/** What HTTP itself refuses, and HEAD. */
function protocol(entry: Entry, world: World): Arbitrary<Plan> {
  const base = positive(entry, world)
  const documented = Object.keys(world.subject.document.json.paths[entry.path]!).map((name) =>
    name.toUpperCase(),
  )
  const lacking = METHODS.filter((method) => !documented.includes(method))
  const ways = [fc.tuple(base, fc.constantFrom(...lacking)).map((drawn) => otherMethod(drawn, documented))]
  if ('406' in entry.operation.responses)
    ways.push(fc.tuple(base, fc.constantFrom(...OTHER_ANSWERS)).map(otherAnswer))
  if ('415' in entry.operation.responses)
    ways.push(fc.tuple(base, fc.constantFrom(...OTHER_TYPES)).map(otherType))
  if (entry.method === 'GET') ways.push(base.map(head))
  return fc.oneof(...ways)
}

const plan = (what: string, run: (client: Client) => Promise<void>): Plan => ({
  kind: 'protocol',
  what,
  run: async (client) => {
    await run(client)
    return false
  },
})

const otherMethod = ([sent, method]: [Sent, string], documented: string[]): Plan =>
  plan(`the method ${method}`, async (client) => {
    client.check(checkMethod(await client.call(method, urlOf(sent)), documented))
  })

const otherAnswer = ([sent, accept]: [Sent, string]): Plan =>
  plan(`Accept: ${accept}`, async (client) => {
    client.check(checkStatus(await client.send(sent, { headers: { accept } }), 406, 'nothing that is spoken'))
  })

const otherType = ([sent, type]: [Sent, string | undefined]): Plan =>
  plan(`a body of ${type ?? 'no type'}`, async (client) => {
    const options = { headers: { 'content-type': type }, rawBody: JSON.stringify(sent.body ?? {}) }
    client.check(checkStatus(await client.send(sent, options), 415, 'a body of another type'))
  })

const head = (sent: Sent): Plan =>
  plan('HEAD', async (client) => {
    const got = await client.send(sent)
    client.check(checkHead(got, await client.send({ ...sent, entry: { ...sent.entry, method: 'HEAD' } })))
  })
