/**
 * Entity tags (RFC 9110 §8.8.3): strong, and computed from what is stored, so that whatever changed it changes them. A tag
 * is a digest of the whole, followed by a checksum of each field: so what changed since can be told without a history.
 */
import { createHash, hash } from 'node:crypto'
import type { Group } from '../../schemas/index.js'
import type { StoredUser } from '../db/users.js'
import { GROUP_WRITABLE } from '../domain/decide-group.js'
import { WRITABLE_FIELDS } from '../domain/user.js'

export interface EntityTags<Stored> {
  /** The current tag, quotation marks included. */
  of(stored: Stored): string
  /** The fields that differ from those of a former tag; undefined where it is no tag of this one. */
  changedSince(tag: string, stored: Stored): string[] | undefined
}

/** Characters of the digest: 96 bits in base64url. */
const DIGEST_LENGTH = 16
const CHECKSUM_BYTES = 2

/** What a checksum is made from: never the digest of a password, which could then be guessed at. */
const summed = (field: string, text: string): string =>
  field === 'password' ? text.slice(0, text.lastIndexOf('$') + 1) : text

/**
 * @param secret keys the tags: what they are made from holds hashes of passwords
 * @param fields in a fixed order. A field that is left out changes no tag
 */
function makeEntityTags<Stored extends { id: number }>(
  secret: Buffer,
  fields: readonly (keyof Stored & string)[],
): EntityTags<Stored> {
  const key = secret.toString('base64')
  // Not a part of the key: a short one could be found.
  const seed = createHash('sha256').update('checksums').update(secret).digest().readUInt32BE()
  const all = ['id' as const, ...fields]

  // No text of the database holds a NUL.
  const textsOf = (stored: Stored): string[] => all.map((field) => String(stored[field]))

  // It begins with the key; not all of it is told, so it can not be extended.
  const digestOf = (texts: readonly string[]): string =>
    hash('sha256', key + texts.join('\0'), 'base64url').slice(0, DIGEST_LENGTH)

  function checksumsOf(id: number, texts: readonly string[]): Buffer {
    const bytes = Buffer.allocUnsafe(CHECKSUM_BYTES * all.length)
    // Of equal values the sums differ by user and field.
    for (let index = 0; index < all.length; index++) {
      const at = CHECKSUM_BYTES * index
      bytes.writeUInt16BE(checksum(summed(all[index]!, texts[index]!), seed + (id << 5) + at), at)
    }
    return bytes
  }

  return {
    of(stored) {
      const texts = textsOf(stored)
      return `"${digestOf(texts)}${checksumsOf(stored.id, texts).toString('base64url')}"`
    },

    changedSince(tag, stored) {
      const former = Buffer.from(tag.slice(1 + DIGEST_LENGTH, -1), 'base64url')
      const current = checksumsOf(stored.id, textsOf(stored))
      if (former.length !== current.length) return undefined
      const isChanged = (index: number) =>
        former.readUInt16BE(CHECKSUM_BYTES * index) !== current.readUInt16BE(CHECKSUM_BYTES * index)
      return isChanged(0) ? undefined : fields.filter((_field, index) => isChanged(index + 1))
    },
  }
}

/** FNV-1a, folded to 16 bits: a hint, and nothing that is relied on. */
function checksum(text: string, seed: number): number {
  let sum = seed
  for (let index = 0; index < text.length; index++) sum = Math.imul(sum ^ text.charCodeAt(index), 0x01000193)
  return (sum ^ (sum >>> 16)) & 0xffff
}

/** Of users. `last_login` does not count: each login in Django rewrites it. */
export const makeUserTags = (secret: Buffer): EntityTags<StoredUser> =>
  makeEntityTags(
    secret,
    WRITABLE_FIELDS.filter((field) => field !== 'last_login'),
  )

/** Of groups. */
export const makeGroupTags = (secret: Buffer): EntityTags<Group> => makeEntityTags(secret, GROUP_WRITABLE)
