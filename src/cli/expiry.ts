/** When a key expires, as it is written on the command line. */
import { parseDateTime } from '../domain/date-time.js'

const MILLISECONDS = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const
type Unit = keyof typeof MILLISECONDS

const WANTED =
  'Write a duration such as 30m, 12h, 90d or 4w, or a date-time as in RFC 3339: 2030-01-31T00:00:00Z.'

/**
 * @param text a number of minutes, hours, days or weeks (`90d`), or an RFC 3339 date-time
 * @param now milliseconds since 1970
 * @returns the instant in UTC, or what is wrong with the text
 */
export function parseExpiry(text: string, now: number): { at: string } | { fault: string } {
  const [, count, unit] = /^(\d{1,5})([mhdw])$/.exec(text) ?? []
  const at =
    unit === undefined
      ? parseDateTime(text)
      : parseDateTime(
          new Date(now + Number(count) * MILLISECONDS[unit as Unit]).toISOString().replace(/\.\d+/, ''),
        )
  if (at === undefined) return { fault: WANTED }
  return Date.parse(at) > now ? { at } : { fault: 'That is over already.' }
}
