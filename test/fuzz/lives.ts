/** A whole life: made, read, found, changed, deleted, and gone everywhere. */
import fc, { type Arbitrary } from 'fast-check'
import { checkListed, checkRead, checkReplay, checkStatus, isAccepted } from './checks.js'
import type { Client } from './client.js'
import type { Plan } from './plans.js'
import { type Entry, positive, type Sent } from './requests.js'
import { type Kind, KINDS, type World } from './world.js'

/** Without conditions and preferences: what they do is looked at elsewhere. */
const plain = (sent: Sent): Sent => ({ ...sent, query: [], headers: {} })

const named = (world: World, id: string) =>
  world.subject.document.operations().find((entry) => entry.operation.operationId === id)!

/** What tells of things that are gone. */
const OUTLIVES = new Set(['listUserHistory'])

/** Every operation on one thing of this kind. */
const operationsOn = (world: World, kind: Kind): Entry[] => {
  const { path } = named(world, KINDS[kind].read)
  return world.subject.document.operations().filter((entry) => entry.path.startsWith(path))
}

export function lifeOf(kind: Kind, world: World): Arbitrary<Plan> {
  const afterwards = operationsOn(world, kind).map((entry) => positive(entry, world).map(plain))
  return fc
    .record({
      creation: positive(named(world, KINDS[kind].create), world).map(plain),
      key: fc.uuid(),
      update: positive(named(world, KINDS[kind].update), world).map(plain),
      afterwards: fc.tuple(...afterwards),
    })
    .map((life): Plan => ({ kind: 'life', what: kind, run: (client) => live(client, kind, life) }))
}

interface Life {
  creation: Sent
  key: string
  update: Sent
  /** Requests for every operation, once it is gone. */
  afterwards: Sent[]
}

async function live(client: Client, kind: Kind, { creation, key, update, afterwards }: Life) {
  const { world } = client
  const headers = { 'idempotency-key': `"${key}"` }
  const made = await client.send(creation, { headers })
  // A name that is taken already: that is another case's business.
  if (!isAccepted(made)) return false
  const id = world.noteMade(kind, made)
  const path = client.subject.pathIn(made.headers.location!)
  client.check(checkRead(made, await client.read(path)))
  client.check(checkReplay(made, await client.send(creation, { headers })))
  client.check(checkListed(await find(client, kind, made.body), id, true))

  const changed = await client.send(toThis(update, id))
  const read = await client.read(path)
  client.check(isAccepted(changed) ? checkRead(changed, read) : checkRead(made, read))

  const deletion = { headers: { 'if-match': read.headers.etag! } }
  client.check(checkStatus(await client.call('DELETE', path, deletion), 204, 'can not be deleted'))
  world.noteDeleted(kind, id)
  for (const sent of afterwards) {
    const status = OUTLIVES.has(sent.entry.operation.operationId) ? 200 : 404
    client.check(checkStatus(await client.send(toThis(sent, id)), status, 'is used after its deletion'))
  }
  client.check(checkListed(await find(client, kind, read.body), id, false))
  return false
}

/** The request for another thing than it was made for. */
function toThis(sent: Sent, id: number): Sent {
  const { body, ...rest } = sent
  const isNamed = typeof body === 'object' && body !== null && 'id' in body
  return { ...rest, path: { ...sent.path, id: String(id) }, body: isNamed ? { ...body, id } : body }
}

function find(client: Client, kind: Kind, thing: Record<string, unknown>) {
  const { list, key } = KINDS[kind]
  const path = client.subject.document.pathOf(list)
  return client.read(`${path}?${key}=${encodeURIComponent(String(thing[key]))}`)
}
