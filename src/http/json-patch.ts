/** JSON Patch (RFC 6902): from operations to a revision of what is shown. */
import { isDeepStrictEqual } from 'node:util'
import { applyPatch, type Operation, Pointer } from 'rfc6902'
import { type Fault, MAX_SET_SIZE, type PatchOperation } from '../../schemas/index.js'
import type { CheckedBody, CheckedList } from '../domain/accept-update.js'
import { isSame } from '../domain/decide-update.js'
import { ProblemError } from '../errors.js'

/** What a patch is written for. */
export interface PatchTarget<Patch> {
  /** The fields that there are. */
  fields: readonly string[]
  /** Those of them that are sets of ids. */
  sets: readonly string[]
  /** Validates some fields, none of which must be there. */
  check(values: object): CheckedBody<Patch>
}

/** A patch that was looked at, as far as that goes without what it is applied to. */
export interface ReadPatch<Patch> {
  /** What is wrong with it. Empty: the rest is sound. */
  faults: Fault[]
  /** Where its unknown fields are, if those are to be dropped. */
  dropped: string[]
  /** The fields that it may change. */
  fields: ReadonlySet<string>
  /** Whether it names a place in a set by its number, which means something in one state alone. */
  isPositional: boolean
  /** The password that it sets. Only an operation that says it can, so it is known before. */
  password?: string | undefined
  /** @throws ProblemError `patch_conflict` where it can not be applied */
  apply(shown: object): CheckedBody<Patch>
}

const PASSWORD = 'password'

/** Operations that read a value. A password is never read. */
const READERS = new Set<string>(['test', 'copy', 'move'])

/** Looks at a patch. */
export function readJsonPatch<Patch>(
  { items, faults: listFaults }: CheckedList<PatchOperation>,
  target: PatchTarget<Patch>,
  { isLenient }: { isLenient: boolean },
): ReadPatch<Patch> {
  const faults = [...listFaults]
  const dropped: string[] = []
  const operations: PlacedOperation[] = []
  for (const [index, item] of items.entries()) {
    const itemFaults = item.faults.length > 0 ? item.faults : operationFaults(item.values, target)
    const unknown = itemFaults.filter(({ code }) => code === 'unknown')
    if (isLenient && unknown.length > 0)
      dropped.push(...unknown.map(({ pointer }) => textAt(item.values, pointer)))
    else if (itemFaults.length > 0)
      faults.push(...itemFaults.map((fault) => ({ ...fault, pointer: `/${index}${fault.pointer}` })))
    else operations.push({ index, operation: item.values })
  }
  const all = operations.map(({ operation }) => operation)
  const password = passwordIn(all)
  // It is known, and not worth hashing where it is none.
  if (password !== undefined) faults.push(...target.check({ [PASSWORD]: password }).faults)
  return {
    faults,
    dropped,
    fields: new Set(all.flatMap(writtenPlaces).map(({ field }) => field)),
    isPositional: all.flatMap(places).some(({ element }) => element !== undefined && element !== '-'),
    password,
    apply: (shown) => applyTo(shown, operations, target),
  }
}

/** An operation, and its place in the patch that was sent. */
interface PlacedOperation {
  index: number
  operation: PatchOperation
}

/** What a pointer points to: a field, or an element of one. */
interface Place {
  field: string
  element: string | undefined
}

const unescaped = (token: string) => token.replaceAll('~1', '/').replaceAll('~0', '~')

function placeOf(pointer: string): Place | undefined {
  const [root, field, element, ...deeper] = pointer.split('/')
  if (root !== '' || field === undefined || deeper.length > 0) return undefined
  return { field: unescaped(field), element }
}

const isTransfer = ({ op }: PatchOperation): boolean => op === 'move' || op === 'copy'

/** What an operation points to. */
const places = (operation: PatchOperation): Place[] =>
  [operation.path, isTransfer(operation) ? operation.from : undefined].flatMap((pointer) =>
    pointer === undefined ? [] : placeOf(pointer)!,
  )

/** What it changes. */
const writtenPlaces = (operation: PatchOperation): Place[] => {
  const [to, source] = places(operation)
  if (operation.op === 'test') return []
  return operation.op === 'move' ? [to!, source!] : [to!]
}

const textAt = (operation: PatchOperation, pointer: string): string =>
  String(operation[pointer.slice(1) as 'path' | 'from'])

function operationFaults<Patch>(operation: PatchOperation, target: PatchTarget<Patch>): Fault[] {
  const { op, path, from } = operation
  const needsFrom = isTransfer(operation)
  const faults = pointerFaults(operation, 'path', path, target)
  if (needsFrom && from === undefined) faults.push(required('/from'))
  if (needsFrom && from !== undefined) faults.push(...pointerFaults(operation, 'from', from, target))
  if (!needsFrom && op !== 'remove') faults.push(...valueFaults(operation))
  // A set within a set would be one that no limit knows of.
  if (faults.length === 0 && needsFrom && placeOf(path)!.element !== placeOf(from!)!.element) {
    const [to, source] = [placeOf(path)!, placeOf(from!)!]
    if ((to.element === undefined) !== (source.element === undefined))
      faults.push(invalidPointer('/from', 'One of both is a field, and the other an element of a set.'))
  }
  return faults
}

function valueFaults(operation: PatchOperation): Fault[] {
  if (!Object.hasOwn(operation, 'value')) return [required('/value')]
  const { value } = operation
  if (!Array.isArray(value) || value.length <= MAX_SET_SIZE) return []
  const detail = `Ensure the list has no more than ${MAX_SET_SIZE} items.`
  return [{ pointer: '/value', code: 'max_items', detail }]
}

const required = (pointer: string): Fault => ({
  pointer,
  code: 'required',
  detail: 'This field is required.',
})

const invalidPointer = (pointer: string, detail: string): Fault => ({ pointer, code: 'invalid', detail })

function pointerFaults<Patch>(
  { op }: PatchOperation,
  member: 'path' | 'from',
  text: string,
  { fields, sets }: PatchTarget<Patch>,
): Fault[] {
  const pointer = `/${member}`
  const place = placeOf(text)
  if (place === undefined)
    return [
      invalidPointer(pointer, 'An operation is on a field like /first_name, or on an element of a set.'),
    ]
  const { field, element } = place
  if (!fields.includes(field)) return [{ pointer, code: 'unknown', detail: 'There is no such field.' }]
  if (field === PASSWORD && READERS.has(op))
    return [invalidPointer(pointer, 'A password can not be tested, copied or moved.')]
  if (element === undefined) return []
  if (!sets.includes(field)) return [invalidPointer(pointer, 'Only sets have elements.')]
  if (element === '-') {
    const appends = op === 'add' || (member === 'path' && (op === 'move' || op === 'copy'))
    return appends ? [] : [invalidPointer(pointer, 'There is nothing at the end of a set.')]
  }
  return /^(?:0|[1-9]\d{0,5})$/.test(element)
    ? []
    : [invalidPointer(pointer, 'An element of a set is named by its place, or by - at its end.')]
}

/** The last one that is written. */
function passwordIn(operations: readonly PatchOperation[]): string | undefined {
  const value = operations.findLast(
    ({ op, path }) => path === `/${PASSWORD}` && (op === 'add' || op === 'replace'),
  )?.value
  return typeof value === 'string' ? value : undefined
}

function applyTo<Patch>(
  shown: object,
  operations: readonly PlacedOperation[],
  target: PatchTarget<Patch>,
): CheckedBody<Patch> {
  const { fields, check } = target
  const before = shown as Record<string, unknown>
  const after = structuredClone(before)
  for (const { index, operation } of operations) applyOne(after, operation, index, target)
  // What was removed is nothing now.
  const changed = fields
    .filter((field) => !isSame(after[field], before[field]))
    .map((field) => [field, after[field] ?? null])
  return check(Object.fromEntries(changed))
}

function applyOne<Patch>(
  document: Record<string, unknown>,
  operation: PatchOperation,
  index: number,
  { sets }: PatchTarget<Patch>,
): void {
  const fault = isTestOfSet(operation, sets)
    ? testSet(document, operation)
    : (placeFault(document, operation) ??
      withoutRepetition(document, operation).map((step) => applyOperation(document, step))[0])
  if (fault === undefined) return
  throw new ProblemError('patch_conflict', {
    detail: 'The patch does not apply to what is there now.',
    errors: [{ pointer: `/${index}`, code: 'conflict', detail: fault }],
  })
}

/**
 * Applies one operation.
 * @returns why it can not be applied; undefined where it was
 */
export function applyOperation(document: object, operation: object): string | undefined {
  const { op, path, value } = operation as PatchOperation
  // The library compares by the way from one to the other, at a cost that grows with the square of the length.
  if (op === 'test')
    return isDeepStrictEqual(Pointer.fromJSON(path).get(document), value) ? undefined : 'The test failed.'
  const [error] = applyPatch(document, [operation as Operation])
  return error === null || error === undefined ? undefined : NOTHING
}

const isTestOfSet = ({ op, path }: PatchOperation, sets: readonly string[]): boolean =>
  op === 'test' && sets.includes(path.slice(1))

/** A set is the same in any order. */
function testSet(document: Record<string, unknown>, { path, value }: PatchOperation): string | undefined {
  const sorted = (ids: unknown) => (Array.isArray(ids) && isCopyable(ids) ? ids.toSorted() : ids)
  const isSameSet = isDeepStrictEqual(sorted(document[path.slice(1)]), sorted(value))
  return isSameSet ? undefined : 'The test failed.'
}

const NOTHING = 'There is nothing at this place.'

/** What fields and elements can be. Anything else could grow with every copy. */
const isCopyable = (value: unknown): boolean =>
  Array.isArray(value) ? value.length <= MAX_SET_SIZE && value.every(isScalar) : isScalar(value)

const isScalar = (value: unknown): boolean => typeof value !== 'object' || value === null

/**
 * What is wrong with the places that an operation names. The library does not mind an index past the end, fails on what is no
 * list, and copies whatever there is.
 */
function placeFault(document: Record<string, unknown>, operation: PatchOperation): string | undefined {
  const [to, source] = places(operation)
  const taken = source && valueAt(document, source)
  const mayBeTaken = source?.element === undefined ? isCopyable : isScalar
  if (source && taken === undefined) return NOTHING
  if (source && !mayBeTaken(taken)) return 'What stands there is no value of a field, and is not copied.'
  if (to!.element === undefined) return undefined
  const set = document[to!.field]
  if (!Array.isArray(set)) return NOTHING
  const isMovedWithin = operation.op === 'move' && source?.field === to!.field
  const isLonger = (operation.op === 'add' || source !== undefined) && !isMovedWithin
  const last = isLonger ? set.length : set.length - 1
  return to!.element === '-' || Number(to!.element) <= last ? undefined : NOTHING
}

function valueAt(document: Record<string, unknown>, { field, element }: Place): unknown {
  const value = document[field]
  if (element === undefined) return value
  return Array.isArray(value) ? (value as unknown[])[Number(element)] : undefined
}

/** What is in a set already is not put into it once more. */
function withoutRepetition(document: Record<string, unknown>, operation: PatchOperation): object[] {
  const { op, path, from, value } = operation
  const { field, element } = placeOf(path)!
  const set = document[field]
  if (element === undefined || !Array.isArray(set)) return [operation]
  if (op === 'add') return set.includes(value) ? [] : [operation]
  if (op === 'replace') {
    const isElsewhere = set.includes(value) && set[Number(element)] !== value
    return isElsewhere ? [{ op: 'remove', path }] : [operation]
  }
  if (op !== 'copy' && op !== 'move') return [operation]
  const source = placeOf(from!)!
  const isRepeated = set.includes(valueAt(document, source))
  if (!isRepeated || (op === 'move' && source.field === field)) return [operation]
  return op === 'move' ? [{ op: 'remove', path: from }] : []
}
