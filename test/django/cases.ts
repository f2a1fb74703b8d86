/** The recorded cases: requests, and what Django REST Framework answered and left in the database. */
import { readFileSync } from 'node:fs'
import { algorithmOf } from './state.js'

export interface Case {
  name: string
  method: string
  /** May hold `{{repeat:TEXT:TIMES}}`, as headers may. */
  path: string
  headers: [name: string, value: string][]
  body: string | null
  /** A large body: prefix, repeat × times, suffix. */
  body_gen?: { prefix?: string; repeat: string; times: number; suffix?: string }
  /** A body that is not UTF-8. */
  body_b64?: string
  chunked?: boolean
  head_encoding?: 'latin-1'
  /** A name in `callers.json`. */
  caller: string
  /** The id of the user whose row is compared. */
  target: number | null
  /** Clear texts that the target's stored password is tried with. */
  check_password?: string[]
}

export interface Change {
  table: string
  op: 'insert' | 'update' | 'delete'
  key: unknown[]
  row?: Record<string, unknown>
  cols?: Record<string, [before: unknown, after: unknown]>
}

/** What a case did: recorded of Django, or seen of our service. */
export interface Outcome {
  status: number
  kind: 'json' | 'html' | 'text' | 'empty'
  body: any
  changes: Change[]
  target: Record<string, unknown> | null | undefined
  /** Whether the stored password is this clear text. */
  passwords: Record<string, boolean>
}

const read = (name: string) => readFileSync(new URL(`../data/recorded/${name}`, import.meta.url), 'utf8')

/** Django showed stored passwords, where we show a mask: of both the algorithm is left. */
const asAlgorithm = (key: string, value: unknown): unknown =>
  key === 'password' && typeof value === 'string' && value.startsWith('<') ? algorithmOf(value) : value

const lines = (name: string): any[] =>
  read(name)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line, asAlgorithm))

export const cases: Case[] = lines('cases.jsonl')

export const recorded = new Map<string, Outcome>(
  lines('expected.jsonl').map(({ name, status, body_kind: kind, body, db }) => [
    name,
    {
      status,
      kind,
      body,
      changes: db.changes,
      target: db.target,
      passwords: db.password_matches ?? {},
    },
  ]),
)

/** The `Authorization` of each caller; none for `anonymous`. */
export const callers: Record<string, string | null> = JSON.parse(read('callers.json'))

/** Empties and refills Django's nine tables. */
export const fixture = read('fixture.sql')

/** Cases that Django 5.2 answers with another status, and with which. */
export const newerStatus = new Map<string, number>(
  Object.entries<string>(JSON.parse(read('version-dependent.json'))).map(([name, note]) => [
    name,
    Number(/^Django 5\S* \+ DRF \S+ answers (\d{3})\b/.exec(note)![1]),
  ]),
)
