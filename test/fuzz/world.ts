/** What the fuzzer has made and may change: users and groups of its own, and what it was told of them. */
import { randomUUID } from 'node:crypto'
import type { Answer } from '../../src/contract/http.js'
import type { Subject } from '../../src/contract/subject.js'

/** The two kinds of things that are made and deleted, by their place in a URL. */
export const KINDS = {
  users: { list: 'listUsers', create: 'createUser', read: 'readUser', update: 'updateUser', key: 'username' },
  groups: {
    list: 'listGroups',
    create: 'createGroup',
    read: 'readGroup',
    update: 'updateGroup',
    key: 'name',
  },
} as const
export type Kind = keyof typeof KINDS

/** Of each kind: fewer would leave nothing to change, and more would make lists long. */
const FEWEST = 5
const MOST = 30

/** Entity tags and cursors that are kept: a few are enough, old ones among them. */
const REMEMBERED = 20

export class World {
  /** Ids, oldest first. */
  readonly users: number[] = []
  readonly groups: number[] = []
  readonly permissions: { id: number; permission: string }[] = []
  /** Current or former entity tags. */
  readonly tags: string[] = []
  readonly cursors: string[] = []
  #made = 0

  /** @param salt makes names that no other run on the same database has used */
  private constructor(
    readonly subject: Subject,
    readonly salt: string,
  ) {}

  static async open(subject: Subject, salt: string = randomUUID().slice(0, 8)): Promise<World> {
    const world = new World(subject, salt)
    const path = subject.document.pathOf('listPermissions')
    const { status, body } = await subject.call('GET', `${path}?page_size=50&ordering=id`)
    if (status !== 200) throw new Error(`The permissions can't be read: ${status}`)
    for (const { id, permission } of body.results) world.permissions.push({ id, permission })
    await world.refill()
    return world
  }

  /** The URL of one thing. */
  pathTo(kind: Kind, id: number | string): string {
    return this.subject.document.pathOf(KINDS[kind].read).replace('{id}', String(id))
  }

  /** Makes what is missing, and deletes what there is too much of. */
  async refill(): Promise<void> {
    for (const kind of ['groups', 'users'] as const) {
      while (this[kind].length < FEWEST) await this.#make(kind)
      while (this[kind].length > MOST) await this.remove(kind, this[kind][0]!)
    }
  }

  async #make(kind: Kind): Promise<void> {
    const name = `fuzz-${this.salt}-${++this.#made}`
    const body = kind === 'users' ? { username: name, password: 'correct horse' } : { name }
    const answer = await this.subject.call('POST', this.subject.document.pathOf(KINDS[kind].create), { body })
    if (answer.status !== 201) throw new Error(`${name} can't be made: ${answer.status} ${answer.text}`)
    this.noteMade(kind, answer)
  }

  async remove(kind: Kind, id: number): Promise<void> {
    const { status, text } = await this.subject.call('DELETE', this.pathTo(kind, id))
    if (status !== 204 && status !== 404) throw new Error(`${kind} ${id} can't be deleted: ${status} ${text}`)
    this.noteDeleted(kind, id)
  }

  /** Remembers what a creation made. @returns its id */
  noteMade(kind: Kind, { headers }: Answer): number {
    const id = Number(/\/(\d+)\/?$/.exec(headers.location ?? '')?.[1])
    if (!Number.isSafeInteger(id) || this[kind].includes(id)) return id
    this[kind].push(id)
    return id
  }

  noteDeleted(kind: Kind, id: number): void {
    const index = this[kind].indexOf(id)
    if (index >= 0) this[kind].splice(index, 1)
  }

  /** Remembers entity tags and cursors, so that later requests can use them. */
  noteAnswer({ headers, body }: Answer): void {
    if (headers.etag !== undefined) remember(this.tags, headers.etag)
    const next = typeof body?.next === 'string' ? body.next : ''
    const cursor = next === '' ? null : new URL(next, 'http://any').searchParams.get('cursor')
    if (cursor) remember(this.cursors, cursor)
  }

  /** Deletes everything that was made. */
  async close(): Promise<void> {
    for (const kind of ['users', 'groups'] as const)
      for (const id of [...this[kind]]) await this.remove(kind, id)
  }
}

function remember(list: string[], text: string): void {
  if (list.includes(text)) return
  list.push(text)
  if (list.length > REMEMBERED) list.shift()
}
