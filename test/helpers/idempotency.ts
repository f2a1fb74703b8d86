/** Sends requests with an Idempotency-Key, and tells what came of them. */
import type { OutgoingHttpHeaders } from 'node:http'
import type { Test } from 'tap'
import { type Answer, startService } from './service.js'

export const SETTINGS = { PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1' } as const
export const JSON_TYPE = 'application/json'
export const PATCH_TYPE = 'application/json-patch+json'
export const USERS = '/admin/users/'
export const userPath = (id: number) => `${USERS}${id}/`
export const groupPath = (id: number) => `/admin/groups/${id}/`

let count = 0
export const unique = (prefix: string) => `${prefix}-${++count}`

export interface Keyed {
  method: string
  path: string
  body?: unknown
  type?: string
  headers?: OutgoingHttpHeaders
}

export const nameOf = ({ method, path, body }: Keyed) => `${method} ${path} ${JSON.stringify(body) ?? ''}`

/** What two answers must share. */
export const told = ({ status, headers, body, text }: Answer) => ({
  status,
  body: body ?? text,
  ...Object.fromEntries(
    ['etag', 'location', 'content-type', 'vary', 'preference-applied', 'dropped-fields'].map((name) => [
      name,
      headers[name],
    ]),
  ),
})
export const isReplay = ({ headers }: Answer) => headers['idempotent-replayed'] === 'true'

/** A service, a superuser, two groups and a permission, and ways to send. */
export async function startKeyed(t: Test, settings: Parameters<typeof startService>[1] = {}) {
  const service = await startService(t, { ...SETTINGS, ...settings })
  const { request, makeUser, makeGroup, makePermission, makeCaller, pool } = service
  const root = await makeCaller({ username: 'root' })
  const [A, B, P] = [await makeGroup(), await makeGroup(), await makePermission()] as const

  function send(
    { method, path, body, type = JSON_TYPE, headers }: Keyed,
    idempotencyKey?: unknown,
    as = root.key,
    door = request,
  ) {
    const key = idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey as string }
    return door(method, path, {
      key: as,
      rawBody: body === undefined ? undefined : JSON.stringify(body),
      headers: { ...(body === undefined ? {} : { 'content-type': type }), ...key, ...headers },
    })
  }

  /** Everything that requests may change, and what is kept of their answers. */
  async function world(): Promise<Record<string, unknown[]>> {
    const tables = [
      'auth_user',
      'auth_group',
      'auth_user_groups',
      'auth_user_user_permissions',
      'auth_group_permissions',
    ]
    tables.push('user_admin.audit_event', 'user_admin.api_key', 'user_admin.idempotent_answer')
    const found = await Promise.all(
      tables.map((table) => pool.query(`select x::text from ${table} x order by 1`)),
    )
    return Object.fromEntries(tables.map((table, index) => [table, found[index]!.rows.map(({ x }) => x)]))
  }
  const countAnswers = async () => (await world())['user_admin.idempotent_answer']!.length

  /** One of each request that changes something. */
  async function everyRequest(): Promise<Keyed[]> {
    const [one, two, gone] = [await makeUser({ groups: [A] }), await makeUser(), await makeUser()]
    const [group, doomed] = [await makeGroup(), await makeGroup([P])]
    // A place in a set wants the tag of what is there.
    const placed = userPath(await makeUser({ groups: [A] }))
    const placedGroup = groupPath(await makeGroup([P]))
    const tagged = async (path: string) => ({
      'if-match': (await request('GET', path, { key: root.key })).headers.etag,
    })
    const whole = { username: unique('put'), password: 'whole secret' }
    return [
      { method: 'POST', path: USERS, body: { username: unique('post'), password: 'a secret' } },
      {
        method: 'POST',
        path: USERS,
        body: { username: unique('post'), password: 'b' },
        headers: { prefer: 'return=minimal' },
      },
      { method: 'POST', path: '/admin/groups/', body: { name: unique('post'), permissions: [P] } },
      { method: 'PATCH', path: userPath(one), body: { first_name: 'Once', password: 'another secret' } },
      {
        method: 'PATCH',
        path: userPath(one),
        body: { last_name: 'M' },
        type: 'application/merge-patch+json',
      },
      {
        method: 'PATCH',
        path: userPath(one),
        body: [{ op: 'add', path: '/groups/-', value: B }],
        type: PATCH_TYPE,
      },
      {
        method: 'PATCH',
        path: placed,
        body: [{ op: 'remove', path: '/groups/0' }],
        type: PATCH_TYPE,
        headers: await tagged(placed),
      },
      {
        method: 'PATCH',
        path: userPath(one),
        body: { last_name: 'N', nick: 1 },
        headers: { prefer: 'return=minimal, handling=lenient' },
      },
      { method: 'PATCH', path: `${userPath(two)}?revoke=keys`, body: { is_active: false } },
      { method: 'PATCH', path: userPath(one), body: {} },
      { method: 'PUT', path: userPath(two), body: whole },
      { method: 'PATCH', path: groupPath(group), body: { permissions: [P] } },
      {
        method: 'PATCH',
        path: placedGroup,
        body: [{ op: 'remove', path: '/permissions/0' }],
        type: PATCH_TYPE,
        headers: await tagged(placedGroup),
      },
      { method: 'PUT', path: groupPath(group), body: { name: unique('put') } },
      {
        method: 'PATCH',
        path: USERS,
        body: [
          { id: one, last_name: 'Bulk' },
          { id: two, password: 'bulk secret' },
        ],
      },
      {
        method: 'PATCH',
        path: `${USERS}?atomic=false`,
        body: [
          { id: one, last_name: 'Each' },
          { id: two, password: 'each secret' },
        ],
      },
      { method: 'PUT', path: `${userPath(one)}groups/${A}/` },
      {
        method: 'PUT',
        path: `${userPath(one)}permissions/${P}/`,
        headers: { prefer: 'return=representation' },
      },
      { method: 'DELETE', path: `${userPath(one)}groups/${A}/` },
      { method: 'DELETE', path: `${userPath(one)}permissions/${P}/` },
      { method: 'DELETE', path: userPath(gone) },
      { method: 'DELETE', path: groupPath(doomed) },
    ]
  }

  return { ...service, root, A, B, P, send, world, countAnswers, everyRequest }
}
