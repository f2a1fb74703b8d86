// The client as it is published: the example compiles against the packed tarball and runs, and nothing in it is Node's.
import { execFile } from 'node:child_process'
import { cpSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { packInto, ROOT } from '../helpers/packed.js'
import { startService } from '../helpers/service.js'

const run = promisify(execFile)
const { host } = await packInto(t)
const example = path.join(host, 'client')
const compiler = path.join(ROOT, 'node_modules/typescript/bin/tsc')
cpSync(path.join(ROOT, 'examples/client'), example, { recursive: true })

t.test('the example compiles, with nothing of Node at hand', async (t) => {
  const { stdout } = await run('node', [compiler, '-p', example, '--listFiles']).catch(
    (error: { stdout: string }) => error,
  )
  t.match(stdout, '/fastify-user-admin/dist/src/client/index.d.ts', 'against the package')
  t.notMatch(stdout, '@types/node')
  t.same(
    stdout.split('\n').filter((line) => line.includes('error TS')),
    [],
  )
})

/** Commands that run a program, each by the name of what runs it. */
const runtimes: Record<string, string[] | undefined> = {
  'Node.js': [process.execPath],
  // It is allowed to connect, and fails where it wants anything else.
  Deno: process.env.DENO
    ? [process.env.DENO, 'run', '--no-prompt', '--allow-net=127.0.0.1', '--node-modules-dir=manual']
    : undefined,
}

for (const [name, [program = '', ...options] = []] of Object.entries(runtimes)) {
  const skip = program === '' && 'it is not here; scripts/test-deno.sh brings it along'
  t.test(`and it runs in ${name}`, { skip }, async (t) => {
    const service = await startService(t)
    const { key } = await service.makeCaller({ username: 'boss' })
    const group = await service.makeGroup()
    const { stdout } = await run(program, [
      ...options,
      path.join(example, 'dist/index.js'),
      service.url,
      key,
      String(group),
    ])
    const [staff, grace, nobody, events] = stdout.split('\n')
    t.equal(staff, 'Staff: boss, grace.hopper')
    t.equal(grace, 'Grace: dismissed')
    t.equal(nobody, 'Nobody: there is no such user')
    t.match(events, /^Events: \d+ user\.create \d+; \d+ user\.update \d+; \d+ user\.update \d+$/)
  })
}

/** What a file of the package leads to: files, and the names of packages. */
function importedBy(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found
  found.add(file)
  for (const [, name] of readFileSync(file, 'utf8').matchAll(/\b(?:from|import)\s*\(?["']([^"']+)["']/g)) {
    if (name!.startsWith('.')) importedBy(path.resolve(path.dirname(file), name!), found)
    else found.add(name!)
  }
  return found
}

t.test('it imports one package and itself, and nothing of Node', async (t) => {
  const entry = path.join(host, 'node_modules/fastify-user-admin/dist/src/client/index.js')
  const found = [...importedBy(entry)]
  t.ok(found.some((file) => file.endsWith('/client/retries.js')))
  t.same(
    found.filter((file) => !file.includes('/dist/src/client/')),
    ['openapi-fetch'],
  )
  const fetching = importedBy(path.join(ROOT, 'node_modules/openapi-fetch/dist/index.mjs'))
  t.same(
    [...fetching].filter((name) => name.startsWith('node:') || builtinModules.includes(name)),
    [],
  )
  t.match(await import(pathToFileURL(entry).href), { makeClient: Function, dataOf: Function })
})
