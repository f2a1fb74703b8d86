/** Conditions of requests (RFC 9110 §13.1, RFC 6585 §3): from headers to what must hold under the lock. */
import type { FastifyRequest } from 'fastify'
import type { Fault } from '../../schemas/index.js'
import type { Precondition } from '../domain/precondition.js'
import { ProblemError } from '../errors.js'
import { isAllowed } from './access.js'
import type { EntityTags } from './entity-tags.js'
import { callerOf } from './route.js'

/** Which changes want `If-Match`. */
export const REQUIRE_IF_MATCH = ['never', 'privileged', 'always'] as const
export type RequireIfMatch = (typeof REQUIRE_IF_MATCH)[number]

/** What decides who may do what. `permissions` are a group's. */
const PRIVILEGED: ReadonlySet<string> = new Set([
  'password',
  'is_superuser',
  'is_staff',
  'is_active',
  'groups',
  'user_permissions',
  'permissions',
])

/** Tags that a header names; `*` stands for whatever there is. */
type TagList = '*' | readonly string[]

/** One of a list, with what separates it from the next; empty elements are passed over (RFC 9110 §5.6.1). */
const TAG = /[\s,]*((?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")\s*(?:,[\s,]*|$)/gy

/** @throws `bad_request` where the header is no list of entity tags: a condition that is not understood must not be passed over */
export function parseTags(name: string, header: string | undefined): TagList | undefined {
  if (header === undefined) return undefined
  if (header.trim() === '*') return '*'
  const tags = [...header.matchAll(TAG)]
  const length = tags.reduce((sum, [text]) => sum + text.length, 0)
  if (tags.length > 0 && length === header.length) return tags.map(([, tag]) => tag!)
  throw new ProblemError('bad_request', {
    detail: `${name} must be *, or a list of entity tags in quotation marks.`,
  })
}

/** Strong comparison: a weak tag is the same as none. */
const matches = (list: TagList, current: string): boolean => list === '*' || list.includes(current)

/** Weak comparison: `W/` makes no difference. */
const matchesWeakly = (list: TagList, current: string): boolean =>
  list === '*' || list.some((tag) => tag.replace(/^W\//, '') === current)

/** Whether `If-None-Match` of a read says that the client has it already. */
export function isNotModified({ headers }: FastifyRequest, current: string): boolean {
  const list = parseTags('If-None-Match', headers['if-none-match'])
  return list !== undefined && matchesWeakly(list, current)
}

/** Whether `If-Match` of a read says that the client wants something else. */
export function isStale({ headers }: FastifyRequest, current: string): boolean {
  const list = parseTags('If-Match', headers['if-match'])
  return list !== undefined && !matches(list, current)
}

/** What the client says of the state that it knows. */
interface Conditions {
  ifMatch?: TagList | undefined
  ifNoneMatch?: TagList | undefined
}

export interface ConditionOptions {
  requires: RequireIfMatch
  /** Whether this change wants `If-Match` in any case. */
  isPositional?: boolean | undefined
}

/** Who may be told how something is: a tag and what changed tell a little of it. */
interface Readers {
  /** Any of these permissions will do. */
  readers: readonly string[]
}

/**
 * What the headers of a request ask for.
 * @returns undefined where there is nothing to look at
 */
export function preconditionOf<Stored>(
  request: FastifyRequest,
  tags: EntityTags<Stored>,
  options: ConditionOptions & Readers,
): Precondition<Stored> | undefined {
  const ifMatch = parseTags('If-Match', request.headers['if-match'])
  const ifNoneMatch = parseTags('If-None-Match', request.headers['if-none-match'])
  if (!isConditional({ ifMatch, ifNoneMatch }, options)) return undefined
  const isTold = isAllowed(callerOf(request).actor, options.readers)
  return makePrecondition(tags, { ifMatch, ifNoneMatch }, { ...options, isTold })
}

/** Whether there is anything to look at: for most changes there is not. */
const isConditional = (
  { ifMatch, ifNoneMatch }: Conditions,
  { requires, isPositional }: ConditionOptions,
): boolean =>
  ifMatch !== undefined || ifNoneMatch !== undefined || requires !== 'never' || isPositional === true

/** Of a creation: that there is none of the name yet. Any other condition means nothing there. */
export function creationPrecondition<Stored>(
  request: FastifyRequest,
  tags: EntityTags<Stored>,
  readers: readonly string[],
): Precondition<Stored> | undefined {
  const ifNoneMatch = parseTags('If-None-Match', request.headers['if-none-match'])
  if (ifNoneMatch !== '*') return undefined
  const isTold = isAllowed(callerOf(request).actor, readers)
  return makePrecondition(tags, { ifNoneMatch }, { requires: 'never', isTold })
}

/**
 * The same from lists of tags.
 * @param options.isTold whether the caller may know how it is
 */
export function makePrecondition<Stored>(
  tags: EntityTags<Stored>,
  { ifMatch, ifNoneMatch }: Conditions,
  { requires, isPositional = false, isTold = true }: ConditionOptions & { isTold?: boolean },
): Precondition<Stored> | undefined {
  if (!isConditional({ ifMatch, ifNoneMatch }, { requires, isPositional })) return undefined
  const isRequired = (fields: Iterable<string>) =>
    isPositional ||
    requires === 'always' ||
    (requires === 'privileged' && [...fields].some((field) => PRIVILEGED.has(field)))
  return {
    failureOf(stored, fields) {
      const current = tags.of(stored)
      const headers: Record<string, string> = isTold ? { etag: current } : {}
      if (ifMatch !== undefined && !matches(ifMatch, current))
        return new ProblemError('precondition_failed', {
          detail: 'It changed since it was read.',
          headers,
          ...(isTold && changesSince(tags, stored, ifMatch)),
        })
      // `*` takes any state on purpose; a place in a set means something in one alone.
      const isGiven = ifMatch !== undefined && !(isPositional && ifMatch === '*')
      if (!isGiven && isRequired(fields))
        return new ProblemError('precondition_required', {
          detail: 'Send the entity tag that was read: If-Match, or if_match of an update of many.',
        })
      if (ifNoneMatch !== undefined && matchesWeakly(ifNoneMatch, current))
        return new ProblemError('precondition_failed', { detail: 'There is one already.', headers })
      return undefined
    },
  }
}

/** The fields that changed since. Of several tags, since the one that least has changed since. */
function changesSince<Stored>(
  tags: EntityTags<Stored>,
  stored: Stored,
  ifMatch: TagList,
): { errors?: Fault[] } {
  const [fields] = (ifMatch === '*' ? [] : ifMatch)
    .slice(0, MAX_COMPARED)
    .flatMap((tag) => {
      const changed = tags.changedSince(tag.replace(/^W\//, ''), stored) ?? []
      return changed.length === 0 ? [] : [changed]
    })
    .toSorted((one, other) => one.length - other.length)
  if (fields === undefined) return {}
  const fault = (field: string) => ({
    pointer: `/${field}`,
    code: 'changed',
    detail: 'Changed since it was read.',
  })
  return { errors: fields.map(fault) }
}

/** Tags of one header whose difference is looked for. */
const MAX_COMPARED = 20
