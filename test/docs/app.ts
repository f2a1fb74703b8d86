/** An app of a reader's, which has installed the package. That the package has in it what the checkout has, `test/plugin/packed.test.ts` says. */
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { ROOT } from './markdown.js'

/** Makes `app`, and beside it the packages that the checkout has. */
export async function makeApp(folder: string): Promise<void> {
  const app = path.join(folder, 'app')
  const installed = path.join(app, 'node_modules/fastify-user-admin')
  await mkdir(installed, { recursive: true })
  await symlink(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'))
  await writeFile(path.join(app, 'package.json'), '{ "type": "module" }')
  for (const name of ['src', 'schemas', 'docs', 'openapi.yaml'])
    await symlink(path.join(ROOT, name), path.join(installed, name))
  await writeFile(path.join(installed, 'package.json'), await manifest())
  const program = path.join(app, 'node_modules/.bin/user-admin')
  await mkdir(path.dirname(program))
  const tsx = path.join(ROOT, 'node_modules/tsx/dist/cli.mjs')
  await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${tsx}' '${ROOT}/src/cli/main.ts' "$@"\n`)
  await chmod(program, 0o755)
}

/** With the sources in the place of what is built of them. */
async function manifest(): Promise<string> {
  const published = await readFile(path.join(ROOT, 'package.json'), 'utf8')
  return published.replaceAll(/dist\/(src\/[\w/]+)(?:\.d\.ts|\.js)/g, '$1.ts')
}
