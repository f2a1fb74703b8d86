/** `groups` and `user_permissions`: sets of ids that are replaced as a whole. */
import type { Account } from '../subject.js'
import type { Checks } from '../world.js'
import { NOWHERE, pointers } from './updating.js'

const SETS = ['groups', 'user_permissions']

export const sets: Checks = {
  async 'a set is replaced as a whole'(t, { own }) {
    for (const field of SETS) {
      const existing = await existingIds(own, field)
      if (existing.length < 2) {
        t.pass(field, { skip: `this deployment has fewer than two ${field} with ids below 100` })
        continue
      }
      const [one, two] = existing as [number, number]
      for (const wanted of [[one], [two], [two, one], existing.toReversed(), []]) {
        const { status, body } = await own.update({ [field]: wanted })
        t.strictSame(
          [status, body],
          [200, { ...own.original, [field]: wanted.toSorted((a, b) => a - b) }],
          `${field}: ${wanted}`,
        )
        t.strictSame(await own.user(), body)
      }
      await own.restore()
    }
  },

  async 'ids that do not exist are named, and nothing is written'(t, { own }) {
    for (const field of SETS) {
      const original: number[] = own.original[field]
      const unknown = [NOWHERE, NOWHERE - 1, 2 ** 31, 2 ** 32 + 1]
      const { status, body } = await own.update({ [field]: [...original, ...unknown] })
      t.equal(status, 400)
      t.strictSame(
        body.errors.map(({ pointer, code }: any) => [pointer, code]),
        unknown.map((_, index) => [`/${field}/${original.length + index}`, 'does_not_exist']),
      )
      for (const id of unknown)
        t.ok(
          body[field].some((text: string) => text.includes(String(id))),
          `${id} is named`,
        )
    }
    t.strictSame(await own.user(), own.original)
  },

  async 'duplicates are refused'(t, { own }) {
    for (const field of SETS) {
      for (const ids of [
        [1, 1],
        [3, 2, 1, 2],
        [NOWHERE, NOWHERE],
      ]) {
        const { status, body } = await own.update({ [field]: ids })
        t.strictSame([status, pointers(body)], [400, { [field]: ['duplicate'] }], `${field}: ${ids}`)
      }
    }
  },

  async 'what is no id of anything is refused, at its place'(t, { own }) {
    for (const field of SETS) {
      for (const item of [0, -1, 1.5, 2 ** 53, 1e300, '1', null, true, [], {}, '1; drop table auth_group']) {
        const { status, body } = await own.update({ [field]: [item] })
        t.strictSame(
          [status, body.errors?.map((fault: any) => fault.pointer)],
          [400, [`/${field}/0`]],
          `${field}: ${item}`,
        )
      }
      for (const value of ['1', '', 1, {}, { 0: 1, length: 1 }, true]) {
        const { status, body } = await own.update({ [field]: value })
        t.strictSame(
          [status, pointers(body)],
          [400, { [field]: ['not_a_list'] }],
          `${field}: ${JSON.stringify(value)}`,
        )
      }
    }
  },
}

/** Those ids below 100 that exist: asked together with one that does not, so that nothing is ever written. */
export async function existingIds(account: Account, field: string): Promise<number[]> {
  const candidates = Array.from({ length: 99 }, (_, index) => index + 1)
  const { body } = await account.update({ [field]: [NOWHERE, ...candidates] })
  const absent = new Set(body.errors.map(({ pointer }: { pointer: string }) => Number(pointer.split('/')[2])))
  return candidates.filter((id) => !absent.has(id))
}
