/** Whether what we did with a case is what Django did, or differs as a rule allows. */
import { newerStatus, type Case, type Outcome } from './cases.js'
import { compare, fieldsOf, named } from './compare.js'
import { type Departure, DEPARTURES } from './departures.js'

export interface Verdict {
  /** What is wrong. None: it is as it should be. */
  faults: string[]
  /** The entry whose departure it is. */
  entry?: Departure
  /** The name in that entry, which may stand for several cases. */
  pattern?: string
  /** What differs in that case. */
  differing?: string[]
}

export function judge(one: Case, django: Outcome, ours: Outcome): Verdict {
  const faults = flawsOf(ours)
  const covering = DEPARTURES.filter(({ cases }) => cases.some((pattern) => covers(pattern, one.name)))
  const asNewer = newerStatus.get(one.name) === ours.status
  const found = asNewer ? [] : compare(django, ours)
  if (found.length === 0) {
    if (covering.length > 0) faults.push('it is as in Django: no departure is needed')
    return { faults }
  }

  const [entry, second] = covering
  if (entry === undefined || second !== undefined) {
    const count = entry === undefined ? 'no' : 'more than one'
    const differences = found.map(({ what, django, ours }) => `${what}: ${show(django)} -> ${show(ours)}`)
    return { faults: [...faults, `${count} rule covers it`, ...differences] }
  }
  const differing = found.map(named)
  if (ours.status !== entry.status) faults.push(`${ours.status}, and its rule says ${entry.status}`)
  if (ours.status < 400) {
    const others = differing.filter((name) => !entry.only?.includes(name))
    if (others.length > 0) faults.push(`its rule does not allow for ${others.join(', ')}`)
  }
  return { faults, entry, pattern: entry.cases.find((pattern) => covers(pattern, one.name))!, differing }
}

/** Names of cases, and of what may differ in them, that no case needs. */
export function idle(verdicts: Verdict[]): string[] {
  return DEPARTURES.flatMap((entry) => {
    const own = verdicts.filter((verdict) => verdict.entry === entry)
    const patterns = new Set(own.map(({ pattern }) => pattern))
    const differing = new Set(own.flatMap((verdict) => verdict.differing))
    return [
      ...entry.cases.filter((pattern) => !patterns.has(pattern)),
      ...(entry.only ?? []).filter((name) => !differing.has(name)),
    ]
  })
}

const covers = (pattern: string, name: string): boolean =>
  pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern

const show = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 200)

/** What no answer of ours may be, whatever Django's was. */
function flawsOf(ours: Outcome): string[] {
  const flaws: string[] = []
  if (ours.status >= 500) flaws.push(`status ${ours.status}`)
  if (ours.status >= 400 && ours.changes.length > 0) flaws.push(`a refusal changed ${show(ours.changes)}`)
  if (ours.status !== 400) return flaws
  for (const field of fieldsOf(ours)) {
    const messages: unknown = ours.body[field]
    const readable = Array.isArray(messages) && messages.length > 0 && messages.every(isReadable)
    if (!readable) flaws.push(`nobody can read ${field}: ${show(messages)}`)
  }
  return flaws
}

/** A sentence, with nothing in it of how we work. */
const isReadable = (message: unknown): boolean =>
  typeof message === 'string' &&
  // The list of punctuation that a username may have ends with some of it.
  /^[A-Z].*(?:[.!?]|@ \. \+ - _)$/.test(message) &&
  !/undefined|\bNaN\b|\[object|\b(?:select|insert into|update \w+ set|auth_user)\b|[\w.]\/\w+\/|\.[jt]s\b/i.test(
    message,
  )
