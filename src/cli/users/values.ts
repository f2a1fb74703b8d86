/** Values of a user as people read them. */

/** One value in a table: an instant to the second, ids with commas between. */
export function cellOf(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (Array.isArray(value)) return value.join(',')
  return String(value).replace(/^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d+Z$/, '$1Z')
}

/** Fields that differ, one a line: `is_staff: false → true`. */
export const changeLines = (changes: Record<string, unknown>): string[] =>
  Object.entries(changes).map(([field, change]) => {
    const [before, after] = change as [unknown, unknown]
    return `${field}: ${JSON.stringify(before)} → ${JSON.stringify(after)}`
  })
