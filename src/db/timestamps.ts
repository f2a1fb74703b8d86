/**
 * PostgreSQL's timestamps as RFC 3339 texts in UTC, microseconds kept (a JavaScript Date has milliseconds).
 * No fraction where it is zero, six digits otherwise: the form that Django REST Framework answers.
 */

const POSTGRES =
  /^(\d{4,})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?([+-])(\d\d)(?::?(\d\d))?(?::?(\d\d))?$/

/** One instant as `2024-02-29T08:30:00Z` or `2024-02-29T08:30:00.000001Z`. */
export const formatInstant = (epochSeconds: number, microseconds: number): string =>
  withMicroseconds(new Date(epochSeconds * 1000).toISOString().slice(0, -5), microseconds)

/** @param seconds such as `2024-02-29T08:30:00`, in UTC */
export const withMicroseconds = (seconds: string, microseconds: number): string =>
  microseconds === 0 ? `${seconds}Z` : `${seconds}.${String(microseconds).padStart(6, '0')}Z`

/** Seconds since 1970 of a calendar date and time in UTC. Date.UTC would read the years 0 to 99 as 1900 to 1999. */
export function epochSecondsOf(parts: readonly [number, number, number, number, number, number]): number {
  const [year, month, day, hour, minute, second] = parts
  return new Date(0).setUTCFullYear(year, month - 1, day) / 1000 + hour * 3600 + minute * 60 + second
}

/**
 * What PostgreSQL prints for a `timestamptz` (ISO date style, any session time zone) as RFC 3339.
 * What has no such form (`infinity`, years before 1 or after 9999) is given back as it is.
 */
export function parseTimestamp(text: string): string {
  // The session is nearly always in UTC: then only the punctuation differs.
  if (text.endsWith('+00') && text[10] === ' ') {
    if (text.length === 22) return `${text.slice(0, 10)}T${text.slice(11, 19)}Z`
    if (text[19] === '.')
      return `${text.slice(0, 10)}T${text.slice(11, 19)}.${text.slice(20, -3).padEnd(6, '0')}Z`
  }
  const match = POSTGRES.exec(text)
  if (match === null || match[1]!.length > 4) return text
  const part = (index: number) => Number(match[index] ?? 0)
  const offset = (part(9) * 3600 + part(10) * 60 + part(11)) * (match[8] === '-' ? -1 : 1)
  const epoch = epochSecondsOf([part(1), part(2), part(3), part(4), part(5), part(6)]) - offset
  return formatInstant(epoch, Number((match[7] ?? '').padEnd(6, '0')))
}
