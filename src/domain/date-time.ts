/** Date-times of requests (RFC 3339), in the one form that is compared, stored and answered. */
import { epochSecondsOf, formatInstant } from '../db/timestamps.js'

const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))$/

// The range that Django's (Python's) datetime can hold, in UTC.
const FIRST = epochSecondsOf([1, 1, 1, 0, 0, 0])
const LAST = epochSecondsOf([9999, 12, 31, 23, 59, 59])

/**
 * Reads an RFC 3339 date-time, upper-case `T` and `Z`, with any offset. Digits past the microsecond are cut off, as
 * Django does.
 * @returns the instant in UTC with `Z`, or undefined where the text is none, names no real date, is a leap second
 *   (which neither Python nor PostgreSQL stores), or lies outside of the years 1 to 9999
 */
export function parseDateTime(text: string): string | undefined {
  const match = RFC_3339.exec(text)
  if (match === null) return undefined
  const part = (index: number) => Number(match[index] ?? 0)
  const [year, month, day, hour, minute, second] = [part(1), part(2), part(3), part(4), part(5), part(6)]
  if (hour > 23 || minute > 59 || second > 59 || part(9) > 23 || part(10) > 59) return undefined
  if (!isDate(year, month, day)) return undefined
  const offset = (part(9) * 3600 + part(10) * 60) * (match[8] === '-' ? -1 : 1)
  const epoch = epochSecondsOf([year, month, day, hour, minute, second]) - offset
  if (epoch < FIRST || epoch > LAST) return undefined
  return formatInstant(epoch, Number((match[7] ?? '').slice(0, 6).padEnd(6, '0')))
}

/** Date rolls 31 April over to 1 May: a real date is one that stays as it is. */
function isDate(year: number, month: number, day: number): boolean {
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  return year > 0 && date.getUTCMonth() === month - 1 && date.getUTCDate() === day
}
