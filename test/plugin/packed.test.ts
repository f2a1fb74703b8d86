// What is published, used as a host would: the packed tarball, its code and its types.
import { execFile } from 'node:child_process'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import path from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { createDatabase } from '../helpers/database.js'
import { BUNDLED } from '../../scripts/bundle.js'
import { packInto, ROOT as root } from '../helpers/packed.js'

const run = promisify(execFile)
const { host, tarball } = await packInto(t)

const { dependencies, optionalDependencies } = JSON.parse(
  readFileSync(path.join(root, 'package.json'), 'utf8'),
)
const installed = path.join(host, 'node_modules/fastify-user-admin')

/** All that may be in it, and of each at least one. (`prepack` adds `sbom.cdx.json`.) */
const ALLOWED = [
  /^dist\/(?:src|schemas)\/.*\.js$/,
  /^dist\/(?:src|schemas)\/.*\.d\.ts$/,
  /^docs\/grants\.sql$/,
  /^dist\/THIRD-PARTY-LICENSES\.txt$/,
  /^(?:package\.json|openapi\.yaml|README\.md|CHANGELOG\.md|LICENSE)$/,
]

t.test('it holds what is needed, and nothing else', async (t) => {
  const files = readdirSync(installed, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(installed, path.join(entry.parentPath, entry.name)))
  t.same(
    files.filter((file) => !ALLOWED.some((pattern) => pattern.test(file))),
    [],
  )
  for (const pattern of ALLOWED)
    t.ok(
      files.some((file) => pattern.test(file)),
      String(pattern),
    )
  t.equal(files.filter((file) => ALLOWED.at(-1)!.test(file)).length, 5)
})

t.test('linters of packages find nothing wrong', async (t) => {
  // The document is for tools to read, and not imported.
  const esmOnly = ['--profile', 'esm-only', '--exclude-entrypoints', './openapi.yaml']
  const linters = {
    publint: ['publint/src/cli.js', 'run', '--strict', tarball],
    attw: ['@arethetypeswrong/cli/dist/index.js', tarball, '--no-definitely-typed', ...esmOnly],
  }
  for (const [name, [script, ...options]] of Object.entries(linters)) {
    const command = [path.join(root, 'node_modules', script!), ...options]
    const { code, stdout } = await run('node', command).then(({ stdout }) => ({ code: 0, stdout }), failed)
    t.equal(code, 0, `${name}: ${stdout}`)
  }
})

const failed = ({ code, stdout }: { code: number; stdout: string }) => ({ code, stdout })

const codeFiles = (): string[] =>
  readdirSync(path.join(installed, 'dist'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.js'))
    .map((file) => readFileSync(path.join(installed, 'dist', file), 'utf8'))

t.test('every package that its code imports is among its dependencies', async (t) => {
  const known = new Set([...Object.keys({ ...dependencies, ...optionalDependencies }), 'fastify-user-admin'])
  const imported = codeFiles()
    .flatMap((text) => [
      ...text.matchAll(/(?:^(?:import|export)\b[^"\n]*|^\} from |\bimport\()"([^".][^"]*)"/gm),
    ])
    .map((match) => match[1]!)
    .filter((name) => !name.startsWith('node:') && !builtinModules.includes(name))
    .map((name) =>
      name
        .split('/')
        .slice(0, name.startsWith('@') ? 2 : 1)
        .join('/'),
    )
  for (const name of ['fastify', 'pg', 'jose']) t.ok(imported.includes(name), name)
  t.same(
    [...new Set(imported)].filter((name) => !known.has(name)),
    [],
  )
  const unused = Object.keys(dependencies).filter((name) => ![...imported, ...BUNDLED].includes(name))
  t.same(unused, [], 'and none is there for nothing')
})

t.test('of other packages it holds what is meant to be part of it, once and with its license', async (t) => {
  const held = codeFiles().flatMap((text) =>
    [...text.matchAll(/^\/\/ \S*\bnode_modules\/(((?:@[^/\n]+\/)?[^/\n]+)\/.+)$/gm)].map(
      ([, file, name]) => ({ file, name }),
    ),
  )
  t.same([...new Set(held.map(({ name }) => name))].toSorted(), BUNDLED)
  t.equal(new Set(held.map(({ file }) => file)).size, held.length, 'no file of them twice')
  const licenses = readFileSync(path.join(installed, 'dist/THIRD-PARTY-LICENSES.txt'), 'utf8')
  for (const name of BUNDLED) {
    const { version } = JSON.parse(
      readFileSync(path.join(root, 'node_modules', name, 'package.json'), 'utf8'),
    )
    const [, license = ''] = licenses.split(`${name} ${version}\n`)
    t.match(license.slice(0, 600), 'Permission is hereby granted', name)
  }
})

t.test('a host runs it', async (t) => {
  const { url } = await createDatabase(t)
  writeFileSync(
    path.join(host, 'host.js'),
    `import Fastify from 'fastify'
     import userAdmin, { User, PROBLEMS } from 'fastify-user-admin'
     const app = Fastify()
     await app.register(userAdmin, { prefix: '/people', database: process.argv[2] })
     const answer = await app.inject({ method: 'PATCH', url: '/people/users/1/', payload: {} })
     console.log(answer.statusCode, answer.json().code, Object.keys(User.properties).length, 'invalid' in PROBLEMS)
     await app.close()`,
  )
  const { stdout } = await run('node', ['host.js', url], { cwd: host })
  t.equal(stdout.trim(), '401 not_authenticated 13 true')
})

t.test('its types survive the boundary, and refuse what is wrong', async (t) => {
  writeFileSync(
    path.join(host, 'host.ts'),
    `import Fastify from 'fastify'
     import userAdmin, { type User, type UserUpdate, type UserAdminOptions, verifyPassword } from 'fastify-user-admin'
     const app = Fastify()
     const options: UserAdminOptions = { database: 'postgresql://localhost/x', patchRequired: ['username'] }
     await app.register(userAdmin, { prefix: '/admin', ...options })
     // @ts-expect-error the database is required
     await app.register(userAdmin, { prefix: '/admin' })
     // @ts-expect-error no such field can be required
     await app.register(userAdmin, { database: 'x', patchRequired: ['email'] })
     // @ts-expect-error no such hasher
     await app.register(userAdmin, { database: 'x', passwords: { hasher: 'md5' } })
     const update: UserUpdate = { last_login: null, groups: [1], is_staff: true }
     // @ts-expect-error a flag is no text
     const wrong: UserUpdate = { is_staff: 'true' }
     // @ts-expect-error only last_login may be null
     const empty: UserUpdate = { email: null }
     const shown = (user: User): string => user.username + user.password + String(user.last_login)
     const isRight: Promise<boolean> = verifyPassword('x', 'argon2$')
     // @ts-expect-error a user has no such field
     const missing = (user: User) => user.nickname
     export { update, wrong, empty, shown, isRight, missing }`,
  )
  const options = {
    strict: true,
    module: 'NodeNext',
    target: 'ES2023',
    noEmit: true,
    types: ['node'],
    exactOptionalPropertyTypes: true,
  }
  writeFileSync(
    path.join(host, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: options, files: ['host.ts'] }),
  )
  const compiler = path.join(root, 'node_modules/typescript/bin/tsc')
  const { stdout } = await run('node', [compiler, '-p', host, '--listFiles']).catch(
    (error: { stdout: string }) => error,
  )
  t.match(stdout, '/dist/src/index.d.ts', 'they were looked at')
  // Faults inside of other packages' declarations are theirs.
  t.same(
    stdout.split('\n').filter((line) => /(?:host\.ts|fastify-user-admin.*)\(.*error TS/.test(line)),
    [],
  )
})
