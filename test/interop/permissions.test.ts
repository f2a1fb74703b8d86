/** What somebody may do: Django and our service agree on it, for hundreds of users made at random. */
import fc, { type Arbitrary } from 'fast-check'
import t, { type Test } from 'tap'
import { startBoth } from './both.js'
import { seed } from '../helpers/seed.js'

const USERS = 300
const GROUPS = 40
const DELETED_GROUPS = 5
const CHANGES = 300

const { django, service, key } = await startBoth(t)
// One of a failure makes the same users again.
t.comment(`SEED=${seed}`)

type Sending = readonly [method: string, path: string, body?: unknown]

async function send(...[method, path, body]: Sending): Promise<any> {
  const answer = await service.request(method, `/admin/${path}`, { key, body })
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.text}`)
  return answer.body
}

const sample = <T>(arbitrary: Arbitrary<T>, numRuns: number): T[] => fc.sample(arbitrary, { seed, numRuns })
const someOf = <T>(items: readonly T[], maxLength: number) => fc.shuffledSubarray([...items], { maxLength })
/** True for about one of so many. */
const oneIn = (count: number) => fc.nat(count - 1).map((number) => number === 0)

// Two models of an app may declare one codename, which may be anything.
for (const [model, codename] of [
  ['article', 'publish'],
  ['page', 'publish'],
  ['article', 'with.dots and/spaces'],
  ['article', 'мочь'],
]) {
  await django.ask('make_permission', { app_label: 'press', model, codename })
}
const permissions: { id: number; permission: string }[] = (await send('GET', 'permissions/?page_size=1000'))
  .results
const permissionIds = permissions.map(({ id }) => id)
const names = [...new Set(permissions.map(({ permission }) => permission))]

const groups: number[] = []
for (const conferred of sample(someOf(permissionIds, 6), GROUPS)) {
  const { id } = await send('POST', 'groups/', { name: `group-${groups.length}`, permissions: conferred })
  groups.push(id)
}

const fields = {
  is_active: oneIn(5).map((isInactive) => !isInactive),
  is_superuser: oneIn(10),
  is_staff: fc.boolean(),
  groups: someOf(groups, 4),
  user_permissions: someOf(permissionIds, 5),
}
const users: number[] = []
for (const user of sample(fc.record(fields), USERS)) {
  const { id } = await send('POST', 'users/', { username: `user-${users.length}`, password: 'x', ...user })
  users.push(id)
}

const patch = fc.record(fields, { requiredKeys: [] })
const [someone, group, permission] = [
  fc.constantFrom(...users),
  fc.constantFrom(...groups),
  fc.constantFrom(...permissionIds),
]

/** Every way to change what somebody may do. */
const changes: Arbitrary<Sending> = fc.oneof(
  fc.tuple(someone, patch).map(([id, body]) => ['PATCH', `users/${id}/`, body] as const),
  fc
    .uniqueArray(someone, { minLength: 1, maxLength: 20 })
    .chain((ids) =>
      fc
        .tuple(...ids.map((id) => patch.map((body) => ({ ...body, id }))))
        .map((bodies) => ['PATCH', 'users/', bodies] as const),
    ),
  fc
    .tuple(fc.constantFrom('PUT', 'DELETE'), someone, group)
    .map(([method, id, group]) => [method, `users/${id}/groups/${group}/`] as const),
  fc
    .tuple(fc.constantFrom('PUT', 'DELETE'), someone, permission)
    .map(([method, id, permission]) => [method, `users/${id}/permissions/${permission}/`] as const),
  fc
    .tuple(group, someOf(permissionIds, 6))
    .map(([id, permissions]) => ['PATCH', `groups/${id}/`, { permissions }] as const),
)

/** Of a user: whether it may do what, by each of the ways to ask our service. */
async function ourViewOf(id: number) {
  const [user, held] = [
    await send('GET', `users/${id}/`),
    await send('GET', `users/${id}/permissions/?page_size=1000&fields=permission`),
  ]
  const all = [...new Set<string>(held.results.map(({ permission }: any) => permission))].toSorted()
  return { id, is_active: user.is_active, is_superuser: user.is_superuser, all, has: all }
}

/** The status tells. */
async function may(id: number, name: string): Promise<boolean> {
  const path = `/admin/users/${id}/permissions/${encodeURIComponent(name)}/`
  const { status, text } = await service.request('GET', path, { key })
  if (status !== 200 && status !== 404) throw new Error(`${path}: ${text}`)
  return status === 200
}

async function agree(t: Test): Promise<void> {
  const theirs: any[] = await django.ask('permissions', { users, names })
  const counts = new Set<number>()
  for (const view of theirs) {
    counts.add(view.all.length)
    t.strictSame(await ourViewOf(view.id), { ...view, has: view.has.toSorted() }, `user ${view.id}`)
  }
  t.ok(
    counts.has(0) && counts.has(names.length) && counts.size > 10,
    `from nothing to everything: ${[...counts]}`,
  )

  const asked = sample(fc.tuple(fc.constantFrom(...theirs), fc.constantFrom(...names)), 400)
  const wrong: string[] = []
  for (const [view, name] of asked)
    if ((await may(view.id, name)) !== view.has.includes(name)) wrong.push(`${view.id} ${name}`)
  t.strictSame(wrong, [], 'one user and one permission')

  for (const { id, permission } of permissions) {
    const query = `permission=${id}&page_size=1000&fields=id&ordering=id`
    const { results } = await send('GET', `users/?${query}`)
    t.strictSame(
      results.map(({ id }: any) => id),
      await django.ask('holders', { permission: id }),
      `everybody who may ${permission}`,
    )
  }
}

t.test('of users that were just made', agree)

t.test('after random changes', async (t) => {
  for (const change of sample(changes, CHANGES)) await send(...change)
  for (const id of groups.slice(0, DELETED_GROUPS)) await send('DELETE', `groups/${id}/`)
  await agree(t)
})
