import { Type } from '@sinclair/typebox'
import { PROBLEMS } from '../../errors.js'
import { defineRoute } from '../route.js'

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Problems</title>
<h1>Problems</h1>
<p>Every refusal and failure is answered as <a href="https://www.rfc-editor.org/rfc/rfc9457">problem details</a>.
Its <code>type</code> links to one of these.</p>
<dl>
${Object.entries(PROBLEMS)
  .map(([code, { status, title, meaning }]) => {
    const text = meaning.replaceAll('<', '&lt;').replace(/`([^`]+)`/g, '<code>$1</code>')
    return `<dt id="${code}"><b>${status} ${title}</b> (<code>${code}</code>)</dt>\n<dd><p>${text}</p></dd>`
  })
  .join('\n')}
</dl>
</html>
`

/** `GET /problems/`: what every problem's `type` links to, served here so that the link works offline. */
export const listProblems = () =>
  defineRoute({
    schema: {
      operationId: 'listProblems',
      tags: ['documentation'],
      summary: 'List Problems',
      description: 'A page that lists every code that a problem can carry, and what it means.',
      response: {
        200: {
          description: 'The page.',
          content: { 'text/html': { schema: Type.String({ examples: ['<!doctype html>'] }) } },
        },
      },
    },

    handler: (_request, reply) => reply.type('text/html; charset=utf-8').send(PAGE),
  })
