/** `docs/reference/settings.md`: every setting of the service. */
import { SETTINGS } from '../../src/config.js'
import { code, generatedFrom, table } from './markdown.js'

export const settingsPage = (): string => `${generatedFrom('src/config/settings.ts')}

# Settings

Environment variables of the service and of its commands. An empty one counts as none. A wrong one ends the start, and every wrong one
is named. \`user-admin config\` prints the effective ones, passwords hidden.

${table(
  ['Name', 'Default', 'Takes', 'Meaning'],
  Object.entries(SETTINGS).map(([name, { read, fallback, shownFallback, description }]) => [
    code(name),
    shownFallback ?? shown(fallback),
    read.takes,
    description,
  ]),
)}
`

function shown(value: unknown): string {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return 'none'
  if (typeof value === 'boolean') return code(value ? 'on' : 'off')
  return code(String(value))
}
