/** Commands that read. */
import fc, { type Arbitrary } from 'fast-check'
import type { Call, Command } from './call.js'
import type { Search } from './directory.js'
import { by, command, fieldsOf, groupOf, nameOf, permissionOf, userOf, which } from './picks.js'
import * as read from './reading.js'
import type { Reply } from './rules.js'

const staff = by('helper', 'helper', 'registrar', 'clerk')

/** A URL, and what the model says of it. */
type Look = [path: string, operation: () => Reply]

const LOOKS: ((call: Call, index: number, reference: number) => Look)[] = [
  (call, index) => {
    const id = userOf(call, index)
    return [`/users/${id}/`, () => read.readUser(call.directory, call.caller.id, id)]
  },
  (call, index) => {
    const id = groupOf(call, index)
    return [`/groups/${id}/`, () => read.readGroup(call.directory, call.caller.id, id)]
  },
  (call, index) => {
    const id = groupOf(call, index)
    return [`/groups/${id}/users/`, () => read.groupUsers(call.directory, call.caller.id, id)]
  },
  (call, index) => {
    const id = userOf(call, index)
    return [`/users/${id}/permissions/`, () => read.heldPermissions(call.directory, call.caller.id, id)]
  },
  (call, index, other) => {
    const id = userOf(call, index)
    const permission = permissionOf(call, other)
    const reference = index % 2 === 0 ? permission : nameOf(call, permission)
    const operation = () => read.checkPermission(call.directory, call.caller.id, id, permission)
    return [`/users/${id}/permissions/${reference}/`, operation]
  },
  ({ directory, caller }) => ['/me/', () => read.me(directory, caller.id, caller.credential)],
]

const look = command(
  staff,
  fc.record({ make: fc.constantFrom(...LOOKS), index: which, other: which }),
  async (call, { make, index, other }) => {
    const [path, operation] = make(call, index, other)
    call.expect(await call.send('GET', path), operation)
  },
)

const sign = fc.constantFrom('', '-')
const field = fc.constantFrom('first_name', 'email', 'last_login', 'date_joined', 'is_staff', 'is_active')
const unique = fc.constantFrom('id', 'username')
// The last field leaves nothing open: in which order equals come the rules do not say.
const ordering = fc
  .tuple(fc.array(fc.tuple(sign, field), { maxLength: 2 }), fc.tuple(sign, unique))
  .map(([fields, last]) => [...fields, last].map((parts) => parts.join('')).join(','))

const filters = fieldsOf({
  is_active: fc.boolean(),
  is_staff: fc.boolean(),
  is_superuser: fc.boolean(),
  group: which,
  permission: which,
  search: fc.constantFrom('a', 'AN', 'example ann', '_', 'cox'),
  ordering,
})

function searchOf(call: Call, chosen: Record<string, unknown>): Search {
  const { group, permission, ...rest } = chosen as { group?: number; permission?: number }
  const id = permission === undefined ? undefined : permissionOf(call, permission)
  return {
    ...rest,
    ...(group === undefined ? {} : { group: groupOf(call, group) }),
    ...(id === undefined ? {} : { permission: id % 2 === 0 ? String(id) : nameOf(call, id) }),
  }
}

const queryOf = (parameters: object) =>
  new URLSearchParams(
    Object.entries(parameters).map(([name, value]): [string, string] => [name, String(value)]),
  )

const paging = fc.record(
  { page: fc.constantFrom(1, 2, 3), page_size: fc.constantFrom(1, 3, 10) },
  { requiredKeys: [] },
)

const listPage = command(staff, fc.tuple(filters, paging), async (call, [chosen, pages]) => {
  const search = searchOf(call, chosen)
  const answer = await call.send('GET', `/users/?${queryOf({ ...search, ...pages })}`)
  call.expect(answer, () => read.listUsers(call.directory, call.caller.id, search, pages))
})

/** More pages than there can be users. */
const MAX_PAGES = 60

/** The items of every page from this one on, in one direction, and the URL of the last page. */
async function follow(call: Call, first: string, link: 'next' | 'previous') {
  const pages: unknown[][] = []
  for (let url = first; pages.length < MAX_PAGES;) {
    const answer = await call.send('GET', url)
    if (answer.status !== 200) return { answer }
    pages.push(answer.body.results)
    if (answer.body[link] === null) return { pages, last: url }
    url = answer.body[link].replace(/^https?:\/\/[^/]+/, '')
  }
  return call.fail('there is always another page')
}

const cursors = fc.record({ chosen: filters, size: fc.integer({ min: 1, max: 4 }) })

const listByCursor = command(staff, cursors, async (call, { chosen, size }) => {
  const search = searchOf(call, chosen)
  const findAll = () => read.findAll(call.directory, call.caller.id, search)
  const url = `/users/?${queryOf({ ...search, page_size: size, cursor: '' })}`
  const { answer, pages, last } = await follow(call, url, 'next')
  if (answer !== undefined) return call.expect(answer, () => ({ status: 200, body: findAll() }))
  call.same(pages.flat(), findAll())
  const back = await follow(call, last, 'previous')
  call.same(back.pages?.toReversed().flat(), findAll())
})

export const LOOKS_AND_LISTS: Arbitrary<Command>[] = [look, look, listPage, listByCursor]
