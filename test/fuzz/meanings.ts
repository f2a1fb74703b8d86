/** What names stand for that no schema can tell: which ids there are, what a condition is, what a cursor is. */
import fc, { type Arbitrary } from 'fast-check'
import type { Schema } from '../../src/contract/document.js'
import type { Meaning, Values } from './values.js'
import type { World } from './world.js'

type Meanings = Record<string, Arbitrary<unknown>>

const some = (ids: readonly number[]): Arbitrary<number[]> =>
  fc.shuffledSubarray([...ids], { maxLength: Math.min(6, ids.length) })
const one = (ids: readonly number[]): Arbitrary<number> => fc.constantFrom(...ids)
const text = (values: Arbitrary<number>): Arbitrary<string> => values.map(String)

const permissionIds = ({ permissions }: World) => permissions.map(({ id }) => id)
const permissionNames = ({ permissions }: World) =>
  fc.constantFrom(...permissions.map(({ permission }) => permission))

const words = fc.array(fc.constantFrom('fuzz', 'a', 'Ada', 'é', '%', '_', "'", '\\'), { maxLength: 3 })

/**
 * Of the fields of a body.
 * @param id that of the URL; undefined where a body names whom it is for
 */
export const bodyMeanings = (world: World, id: number | undefined): Meaning => {
  const meanings: Meanings = {
    id: id === undefined ? one(world.users) : fc.constant(id),
    groups: some(world.groups),
    user_permissions: some(permissionIds(world)),
    permissions: some(permissionIds(world)),
    if_match: condition(world),
  }
  return (name) => meanings[name]
}

/** Of the parameters of a query. */
export const queryMeanings = (world: World): Meaning => {
  const permission = fc.oneof(text(one(permissionIds(world))), permissionNames(world))
  const meanings: Meanings = {
    group: text(one(world.groups)),
    user: text(one(world.users)),
    permission,
    actor: text(one(world.users)),
    target: text(fc.constantFrom(...world.users, ...world.groups)),
    target_type: fc.constantFrom('user', 'group', 'api_key', 'token'),
    page: fc.constantFrom('1', 'last', '2'),
    cursor: fc.constantFrom('', ...world.cursors),
    search: words.map((some) => some.join(' ')),
    after: fc.constantFrom('0', '1', '10'),
    // A request that waits is tested elsewhere: here it would only take time.
    wait: fc.constant(0),
    revoke: fc.constant('keys'),
  }
  return (name) => meanings[name]
}

/** Of the headers of a request. */
export const headerMeanings = (world: World): Meaning => {
  const meanings: Meanings = {
    'if-match': condition(world),
    'if-none-match': fc.oneof(fc.constantFrom('W/"x"', '"x", "y"'), condition(world)),
    prefer: fc.constantFrom(
      'return=minimal',
      'return=representation',
      'handling=lenient',
      'handling=strict, return=minimal',
      'respond-async, wait=10',
    ),
    'idempotency-key': fc.uuid().map((id) => `"${id}"`),
  }
  return (name) => meanings[name]
}

/** Headers whose text the document describes, and no schema: what is none of it. */
export const BROKEN_HEADERS: Record<string, readonly string[]> = {
  'if-match': ['unquoted', '"open', '"a" "b"', '"a";"b"', ','],
  'if-none-match': ['unquoted', '"open', 'W/unquoted', '*, "a"'],
  'idempotency-key': ['"open', 'two words', '""', 'x'.repeat(256), '"\\x"'],
}

/** Parameters of a path, by the part of the URL before them. */
export function pathMeaning(world: World, template: string, name: string): Arbitrary<string> {
  const before = new RegExp(`/(\\w+)/\\{${name}\\}`).exec(template)?.[1]
  if (before === 'users' || before === 'groups') return text(one(world[before]))
  if (before === 'permissions') return fc.oneof(text(one(permissionIds(world))), permissionNames(world))
  throw new Error(`test/fuzz/meanings.ts does not know what {${name}} of ${template} stands for`)
}

/** What stands for nothing in a path: not found. */
export const NOTHING = [
  '0',
  '-1',
  '1.0',
  '1e3',
  '0x10',
  '+1',
  ' 1',
  '01',
  '9007199254740991',
  '9007199254740993',
  '9'.repeat(40),
  '1\u0000',
  '１',
  'nobody',
  'auth.no_such',
  '.',
  "1'--",
  '%',
  '*',
]

const condition = ({ tags }: World): Arbitrary<string> =>
  fc.oneof(fc.constant('*'), fc.constantFrom('"none"', ...tags))

/** A JSON Patch that can be applied to whatever has these fields. */
export function jsonPatches(values: Values, update: Schema): Arbitrary<unknown[]> {
  const { id: _, ...fields } = values.resolve(update).properties!
  const sets = Object.keys(fields).filter((name) => fields[name]!.type === 'array')
  const write = fc.constantFrom(...Object.keys(fields)).chain((name) =>
    fc.record({
      op: fc.constantFrom('add', 'replace'),
      path: fc.constant(`/${name}`),
      value: values.valid(fields[name]!, name),
    }),
  )
  const include = fc.constantFrom(...sets).chain((name) =>
    values
      .valid(fields[name]!, name)
      .filter((ids) => (ids as number[]).length > 0)
      .map((ids) => ({ op: 'add', path: `/${name}/-`, value: (ids as number[])[0] })),
  )
  const copy = fc.constant({ op: 'copy', from: `/${sets[0]}`, path: `/${sets[0]}` })
  return fc.array(fc.oneof({ weight: 6, arbitrary: write }, include, copy), { maxLength: 4 })
}
