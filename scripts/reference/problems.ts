/** `docs/reference/problems.md`: the catalogue of problems. */
import { PROBLEMS } from '../../src/errors.js'
import { code, generatedFrom, table } from './markdown.js'

export const problemsPage = (): string => `${generatedFrom('src/errors.ts')}

# Problems

Every refusal and failure is answered as problem details ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)),
\`application/problem+json\`. Its \`type\` links to the entry on the page that the service itself serves, \`/admin/problems/\`.

${table(
  ['code', 'status', 'title', 'meaning'],
  Object.entries(PROBLEMS).map(([name, { status, title, meaning }]) => [
    code(name),
    String(status),
    title,
    meaning,
  ]),
)}
`
