/** Commands that write. */
import fc, { type Arbitrary } from 'fast-check'
import { type Call, type Command, toldEach } from './call.js'
import { by, command, fieldsOf, groupOf, nameOf, permissionOf, userOf, which } from './picks.js'
import type { Body } from './bodies.js'
import type { Group, User } from './directory.js'
import { haveOneOutcome, patchEachUser, patchUsers } from './bulk.js'
import * as write from './operations.js'

/** Seldom: something that is wrong whatever there is. */
const flawOf = (...flaws: Body[]) =>
  fc.oneof({ weight: 14, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: fc.constantFrom(...flaws) })

const several = fc.array(which, { maxLength: 3 })

const userFields = fieldsOf({
  username: fc.constantFrom('ada', 'bob', 'cyd', 'dee', 'eve', 'fay'),
  first_name: fc.constantFrom('', 'Ann', 'Ben'),
  last_name: fc.constantFrom('', 'Cox', 'Day'),
  email: fc.constantFrom('', 'ann@example.org', 'ben@example.org'),
  last_login: fc.constantFrom(null, '2024-02-29T08:30:00Z', '2024-02-29T08:30:00.000001Z'),
  password: fc.constantFrom('mask', 'mask', 'correct horse', 'argon2$********'),
  is_superuser: fc.boolean(),
  is_staff: fc.boolean(),
  is_active: fc.boolean(),
  groups: several,
  user_permissions: several,
})
const userFlaws = flawOf(
  { nickname: 'x' },
  { is_staff: 'yes' },
  { first_name: null },
  { groups: [1, 1] },
  { username: 7 },
)

/** Everything that is stored, or nothing, before the fields. */
const isWhole = fc.oneof(
  { weight: 4, arbitrary: fc.constant(false) },
  { weight: 1, arbitrary: fc.constant(true) },
)
const userBody = fc.record({ fields: userFields, flaw: userFlaws, isWhole })

type Chosen = { fields: Body; flaw: Body; isWhole: boolean }

function bodyOf(call: Call, stored: User | undefined, { fields, flaw, isWhole }: Chosen): Body {
  const { groups, user_permissions, password, ...rest } = fields
  return {
    ...(isWhole ? stored : {}),
    ...rest,
    ...(password === undefined
      ? {}
      : { password: password === 'mask' ? (stored?.password ?? '!') : password }),
    ...(groups === undefined ? {} : { groups: distinct(groups, (index) => groupOf(call, index)) }),
    ...(user_permissions === undefined
      ? {}
      : { user_permissions: distinct(user_permissions, (index) => permissionOf(call, index)) }),
    ...flaw,
  }
}

const distinct = (indexes: unknown, idOf: (index: number) => number) => [
  ...new Set((indexes as number[]).map(idOf)),
]

const groupFields = fieldsOf({
  name: fc.constantFrom('red', 'green', 'blue', 'grey', 'pink', 'cyan', 'gold'),
  permissions: several,
})
const groupFlaws = flawOf({ nickname: 'x' }, { name: 7 }, { name: '' }, { permissions: [1, 1] })
const groupBody = fc.record({ fields: groupFields, flaw: groupFlaws, isWhole })

function groupBodyOf(call: Call, stored: Group | undefined, { fields, flaw, isWhole }: Chosen): Body {
  const { permissions, ...rest } = fields
  const ids = permissions && { permissions: distinct(permissions, (index) => permissionOf(call, index)) }
  return { ...(isWhole ? stored : {}), ...rest, ...(ids as object), ...flaw }
}

const target = fc.record({ index: which, chosen: userBody })

const patchUser = command(by('helper'), target, async (call, { index, chosen }) => {
  const id = userOf(call, index)
  const body = bodyOf(call, call.directory.users.get(id), chosen)
  const answer = await call.send('PATCH', `/users/${id}/`, body)
  call.expect(answer, () => write.patchUser(call.directory, call.caller.id, id, body))
})

const putUser = command(by('helper'), target, async (call, { index, chosen }) => {
  const id = userOf(call, index)
  const stored = call.directory.users.get(id)
  const body = { username: stored?.username, password: stored?.password, ...bodyOf(call, stored, chosen) }
  const answer = await call.send('PUT', `/users/${id}/`, body)
  call.expect(answer, () => write.putUser(call.directory, call.caller.id, id, body))
})

const createUser = command(by('registrar'), userBody, async (call, chosen) => {
  const base = { username: 'gil', password: 'correct horse' }
  const body = { ...base, ...bodyOf(call, undefined, { ...chosen, isWhole: false }) }
  const answer = await call.send('POST', '/users/', body)
  const { id, date_joined } = answer.body
  call.expect(answer, () => write.createUser(call.directory, call.caller.id, body, { id, date_joined }))
})

const deleteUser = command(by('registrar'), which, async (call, index) => {
  const id = userOf(call, index)
  const answer = await call.send('DELETE', `/users/${id}/`)
  call.expect(answer, () => write.deleteUser(call.directory, call.caller.id, id))
})

const bulk = fc.record({ isAtomic: fc.boolean(), items: fc.array(target, { maxLength: 3 }) })

const patchMany = command(by('helper'), bulk, async (call, { isAtomic, items }) => {
  const { directory, caller } = call
  const all = items.map(({ index, chosen }) => {
    const id = userOf(call, index)
    return { ...bodyOf(call, directory.users.get(id), { ...chosen, isWhole: false }), id }
  })
  if (isAtomic) {
    const answer = await call.send('PATCH', '/users/', all)
    return call.expect(answer, () => patchUsers(directory, caller.id, all))
  }
  // They run at once: what depends on which of them is first can not be foretold.
  const bodies = haveOneOutcome(directory, caller.id, all) ? all : all.slice(0, 1)
  const answer = await call.send('PATCH', '/users/?atomic=false', bodies)
  call.expect(answer, () => toldEach(patchEachUser(directory, caller.id, bodies)))
})

const membership = fc.record({
  user: which,
  field: fc.constantFrom('groups' as const, 'user_permissions' as const),
  of: which,
  isMember: fc.boolean(),
  isNamed: fc.boolean(),
})

const changeMembership = command(by('helper'), membership, async (call, { isNamed, ...chosen }) => {
  const user = userOf(call, chosen.user)
  const isGroup = chosen.field === 'groups'
  const of = isGroup ? groupOf(call, chosen.of) : permissionOf(call, chosen.of)
  const path = isGroup ? `groups/${of}` : `permissions/${isNamed ? nameOf(call, of) : of}`
  const answer = await call.send(chosen.isMember ? 'PUT' : 'DELETE', `/users/${user}/${path}/`)
  call.expect(answer, () => write.changeMembership(call.directory, call.caller.id, { ...chosen, user, of }))
})

const createGroup = command(by('registrar'), groupBody, async (call, chosen) => {
  const body = { name: 'gold', ...groupBodyOf(call, undefined, chosen) }
  const answer = await call.send('POST', '/groups/', body)
  const { id } = answer.body
  call.expect(answer, () => write.createGroup(call.directory, call.caller.id, body, { id }))
})

const changeGroup = command(
  by('registrar'),
  fc.record({ index: which, chosen: groupBody, method: fc.constantFrom('PATCH', 'PUT') }),
  async (call, { index, chosen, method }) => {
    const id = groupOf(call, index)
    const stored = call.directory.groups.get(id)
    const base = method === 'PUT' ? { name: stored?.name ?? 'gold' } : {}
    const body = { ...base, ...groupBodyOf(call, stored, chosen) }
    const answer = await call.send(method, `/groups/${id}/`, body)
    const change = method === 'PUT' ? write.putGroup : write.patchGroup
    call.expect(answer, () => change(call.directory, call.caller.id, id, body))
  },
)

const deleteGroup = command(by('registrar'), which, async (call, index) => {
  const id = groupOf(call, index)
  const answer = await call.send('DELETE', `/groups/${id}/`)
  call.expect(answer, () => write.deleteGroup(call.directory, call.caller.id, id))
})

/** Those named several times come more often. */
export const WRITES: Arbitrary<Command>[] = [
  patchUser,
  patchUser,
  patchUser,
  putUser,
  createUser,
  createUser,
  deleteUser,
  deleteUser,
  patchMany,
  patchMany,
  changeMembership,
  changeMembership,
  changeMembership,
  createGroup,
  changeGroup,
  changeGroup,
  changeGroup,
  deleteGroup,
]
