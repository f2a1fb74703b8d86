/** Sends JSON Patches to users and groups that are made for them. */
import type { Test } from 'tap'
import { stored } from '../properties/stored.js'
import { type Answer, startService } from './service.js'

export const SETTINGS = { PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1' } as const
export const TYPE = 'application/json-patch+json'
export const MASK = 'pbkdf2_sha256$********'
export const LOGIN = '2024-02-29T08:30:00.000001Z'
export const NOWHERE = 999_999

export interface Sending {
  as?: string
  tag?: string | undefined
  headers?: Record<string, string>
}

export const pathOf = (id: number) => `/admin/users/${id}/`
export const op = (op: string, path: string, value?: unknown) => ({ op, path, value })
export const from = (op: string, from: string, path: string) => ({ op, from, path })

/** A service, its superuser's key, three groups and two permissions, and ways to patch. */
export async function startPatching(t: Test) {
  const service = await startService(t, SETTINGS)
  const { request, makeUser, makeGroup, makePermission, makeCaller, pool } = service
  const { key } = await makeCaller()
  const [A, B, C] = [await makeGroup(), await makeGroup(), await makeGroup()] as const
  const [P, Q] = [await makePermission(), await makePermission()] as const

  const send = (
    path: string,
    patch: unknown,
    { as = key, tag, headers = {} }: Sending = {},
  ): Promise<Answer> =>
    request('PATCH', path, {
      key: as,
      rawBody: typeof patch === 'string' ? patch : JSON.stringify(patch),
      headers: { 'content-type': TYPE, ...(tag === undefined ? {} : { 'if-match': tag }), ...headers },
    })
  const read = (path: string) => request('GET', path, { key })
  const tagOf = async (path: string) => (await read(path)).headers.etag
  const patchUser = (id: number, patch: unknown, sending?: Sending) => send(pathOf(id), patch, sending)

  /** A patch of a new user that is refused: nothing is written, and nothing recorded. */
  async function refused(
    t: Test,
    patch: unknown,
    status: number,
    { fields = {}, sending = {} as Sending } = {},
  ) {
    const id = await makeUser({ groups: [A, B], user_permissions: [P], ...fields })
    const before = await stored(pool, id)
    const answer = await patchUser(id, patch, { tag: await tagOf(pathOf(id)), ...sending })
    const name = JSON.stringify(patch).slice(0, 200)
    t.equal(answer.status, status, `${name}: ${answer.text.slice(0, 300)}`)
    t.strictSame(await stored(pool, id), before, `${name}: nothing is written`)
    return answer
  }

  return { ...service, key, A, B, C, P, Q, send, read, tagOf, patchUser, refused }
}
