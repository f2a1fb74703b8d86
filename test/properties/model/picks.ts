/** What commands are made of: who calls, and what is named, picked when the command runs of what there is then. */
import fc, { type Arbitrary } from 'fast-check'
import { type Call, CALLERS, type CallerName, Command } from './call.js'

/** The id of nothing. */
const NOTHING = 999_999

/** Stands for the caller, where users are picked. */
const SELF = 999_998

/** Which one of some. */
export const which = fc.oneof(
  { weight: 20, arbitrary: fc.nat(23) },
  { weight: 3, arbitrary: fc.constant(SELF) },
  { weight: 1, arbitrary: fc.constant(NOTHING) },
)

const pick = (ids: Iterable<number>, index: number): number => {
  const all = [...ids]
  return index === NOTHING ? NOTHING : (all[index % all.length] ?? NOTHING)
}
export const userOf = ({ directory, caller }: Call, index: number) =>
  index === SELF ? caller.id : pick(directory.users.keys(), index)
export const groupOf = ({ directory }: Call, index: number) => pick(directory.groups.keys(), index)
export const permissionOf = ({ real }: Call, index: number) => pick(real.pool, index)

/** Mostly those who have something to do with it. */
export const by = (...names: CallerName[]) =>
  fc.oneof(
    {
      weight: 7,
      arbitrary: fc.constantFrom<CallerName>('boss', 'boss', 'deputy', ...names, ...names, ...names),
    },
    { weight: 1, arbitrary: fc.constantFrom(...CALLERS) },
  )

export const command = <Values>(
  callers: Arbitrary<CallerName>,
  values: Arbitrary<Values>,
  act: (call: Call, values: Values) => Promise<void>,
): Arbitrary<Command> =>
  fc.tuple(callers, values).map(([name, chosen]) => new Command(name, (call) => act(call, chosen)))

export const nameOf = ({ directory }: Call, id: number) =>
  directory.permissions.get(id)?.permission ?? 'tests.nothing'

/** At most three fields: more would nearly always be refused for one of them. */
export const fieldsOf = (fields: Record<string, Arbitrary<unknown>>): Arbitrary<Record<string, unknown>> =>
  fc
    .array(fc.oneof(...Object.entries(fields).map(([name, value]) => fc.tuple(fc.constant(name), value))), {
      maxLength: 3,
    })
    .map(Object.fromEntries)
