/** Who was seen before: hints that save a look-up, and that nothing is decided with. */
import type { Actor } from '../domain/actor.js'
import type { Credential } from '../domain/callers.js'

const MAX_KNOWN = 1_000

/** Their permissions take the most room, and nobody asks for them before the caller is confirmed. */
const NONE: ReadonlySet<number> = new Set()

/** Several clients may have the same scopes, and are not the same caller. */
const nameOf = ({ kind, value, subject = '' }: Credential): string => `${kind} ${subject} ${value}`

/** Actors by their credentials as these are stored; at most 1,000, of which the oldest goes first. */
export class KnownCallers {
  readonly #actors = new Map<string, Actor>()

  find(credential: Credential): Actor | undefined {
    return this.#actors.get(nameOf(credential))
  }

  /** Remembers who is new, or differs in what decides how much is read for an update. */
  note(credential: Credential, actor: Actor): void {
    if (this.find(credential)?.isSuperuser === actor.isSuperuser) return
    this.#actors.set(nameOf(credential), { ...actor, permissions: NONE })
    if (this.#actors.size > MAX_KNOWN) this.#actors.delete(this.#actors.keys().next().value!)
  }

  forget(credential: Credential): void {
    this.#actors.delete(nameOf(credential))
  }
}
