/** Date-times of requests (RFC 3339), in the one form that is compared, stored and answered. */
import { epochSecondsOf, formatInstant, withMicroseconds } from '../db/timestamps.js'

const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))$/

/** As nearly all are written: the form that is stored, of a day that every month has. */
const STORED =
  /^(?!0000)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.(?!000000)\d{6})?Z$/

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
  if (STORED.test(text)) return text
  const match = RFC_3339.exec(text)
  if (match === null) return undefined
  const part = (index: number) => Number(match[index] ?? 0)
  const [year, month, day, hour, minute, second] = [part(1), part(2), part(3), part(4), part(5), part(6)]
  if (hour > 23 || minute > 59 || second > 59 || part(9) > 23 || part(10) > 59) return undefined
  if (!isDate(year, month, day)) return undefined
  const microseconds = Number((match[7] ?? '').slice(0, 6).padEnd(6, '0'))
  // It is the instant already, and in range.
  if (match[8] === undefined) return withMicroseconds(text.slice(0, 19), microseconds)
  const offset = (part(9) * 3600 + part(10) * 60) * (match[8] === '-' ? -1 : 1)
  const epoch = epochSecondsOf([year, month, day, hour, minute, second]) - offset
  if (epoch < FIRST || epoch > LAST) return undefined
  return formatInstant(epoch, microseconds)
}

const isDate = (year: number, month: number, day: number): boolean =>
  year > 0 && day > 0 && day <= daysOf(year, month)

/** Of a month; 0 where there is none of the number. */
const daysOf = (year: number, month: number): number =>
  month === 2 && isLeapYear(year) ? 29 : (DAYS[month - 1] ?? 0)

const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

const isLeapYear = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
