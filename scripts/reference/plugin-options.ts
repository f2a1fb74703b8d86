/** `docs/reference/plugin-options.md`: the options of the plugin, from their types and what is written beside them. */
import { readFileSync } from 'node:fs'
import ts from 'typescript'
import { code, generatedFrom, table } from './markdown.js'

const FILE = 'src/plugin.ts'
const OPTIONS = 'UserAdminOptions'

export const pluginOptionsPage = (): string => `${generatedFrom(FILE)}

# Options of the plugin

Of \`app.register(userAdmin, { … })\`, beside Fastify's own \`prefix\`. Most of them are [settings](settings.md) of the service too, and mean
the same.

${table(['Option', 'Meaning'], options())}
`

function options(): string[][] {
  const source = ts.createSourceFile(FILE, readFileSync(FILE, 'utf8'), ts.ScriptTarget.Latest, true)
  const found = source.statements.find(
    (statement): statement is ts.InterfaceDeclaration =>
      ts.isInterfaceDeclaration(statement) && statement.name.text === OPTIONS,
  )
  if (found === undefined) throw new Error(`${FILE} has no ${OPTIONS}`)
  return found.members.filter(ts.isPropertySignature).map((member) => [
    code(member.name.getText()) + (member.questionToken ? '' : ' (required)'),
    ts
      .getJSDocCommentsAndTags(member)
      .map((comment) => ts.getTextOfJSDocComment(comment.comment) ?? '')
      .join(' '),
  ])
}
