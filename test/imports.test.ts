// The rules of the house: imports point one way, and each layer knows only what it may.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'

const root = path.resolve(import.meta.dirname, '..')

/** Which layer a file of the project belongs to: the folder, or the file itself at the top of `src`. */
function layerOf(file: string): string {
  const [top, second] = path.relative(root, file).split(path.sep)
  if (top === 'schemas') return 'schemas'
  return second!.replace(/\.[jt]s$/, '')
}

/** What each layer may import: other layers, and packages. `*` is any package. */
const RULES: Record<string, { layers: string[]; packages: string[] }> = {
  schemas: { layers: [], packages: ['@sinclair/typebox'] },
  client: { layers: [], packages: ['openapi-fetch'] },
  errors: { layers: [], packages: [] },
  spans: { layers: [], packages: ['@opentelemetry/api'] },
  version: { layers: [], packages: ['node:'] },
  db: { layers: [], packages: ['kysely', 'pg', 'node:'] },
  domain: { layers: ['db'], packages: ['argon2', 'bcrypt', 'node:'] },
  http: { layers: ['domain', 'db'], packages: ['*'] },
  ops: { layers: ['http', 'domain', 'db'], packages: ['*'] },
  plugin: { layers: ['http', 'domain', 'db', 'ops'], packages: ['fastify', 'pg', 'prom-client'] },
  config: { layers: ['domain', 'db'], packages: ['node:'] },
  server: { layers: ['plugin', 'http', 'domain', 'db', 'ops', 'config', 'version'], packages: ['*'] },
  index: { layers: ['plugin', 'domain', 'db'], packages: [] },
  mock: { layers: ['server', 'domain', 'db', 'config'], packages: ['@sinclair/typebox'] },
  contract: { layers: [], packages: ['ajv', 'node:'] },
  cli: {
    layers: [
      'contract',
      'mock',
      'server',
      'plugin',
      'http',
      'domain',
      'db',
      'ops',
      'config',
      'client',
      'version',
    ],
    packages: ['*'],
  },
}
const ANYONE_MAY_IMPORT = ['schemas', 'errors', 'spans']
/** These import nothing of the rest: the schemas begin everything, the client runs elsewhere, and the suite looks from outside. */
const STANDS_ALONE = ['schemas', 'client', 'contract']

const sources = ['schemas', 'src'].flatMap((folder) =>
  readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => path.join(root, folder, file)),
)

const importsOf = (file: string): string[] =>
  [
    ...readFileSync(file, 'utf8').matchAll(
      /^\s*(?:import|export)\b[^'"`;]*?from\s+'([^']+)'|import\('([^']+)'\)/gm,
    ),
  ].map((match) => match[1] ?? match[2]!)

function violation(file: string, imported: string): string | undefined {
  const layer = layerOf(file)
  const rule = RULES[layer]
  if (rule === undefined) return `${layer} is no layer of the house`
  if (!imported.startsWith('.')) {
    const allowed = rule.packages.some(
      (name) => name === '*' || imported === name || imported.startsWith(`${name}`),
    )
    return allowed ? undefined : `${layer} must not import the package ${imported}`
  }
  const other = layerOf(path.resolve(path.dirname(file), imported))
  const allowed =
    other === layer ||
    rule.layers.includes(other) ||
    (!STANDS_ALONE.includes(layer) && ANYONE_MAY_IMPORT.includes(other))
  return allowed ? undefined : `${layer} must not import ${other}`
}

t.test('imports point one way', async (t) => {
  t.ok(sources.length > 30, 'the sources were found')
  const violations = sources.flatMap((file) =>
    importsOf(file).flatMap((imported) => {
      const fault = violation(file, imported)
      return fault === undefined ? [] : [`${path.relative(root, file)}: ${fault}`]
    }),
  )
  t.same(violations, [])
})

t.test('the rules catch what they forbid', async (t) => {
  const at = (file: string) => path.join(root, file)
  t.match(violation(at('src/domain/x.ts'), 'fastify'), 'must not import the package')
  t.match(violation(at('src/db/x.ts'), '../domain/user.js'), 'db must not import domain')
  t.match(violation(at('src/http/x.ts'), '../config.js'), 'http must not import config')
  t.match(violation(at('schemas/x.ts'), '../src/errors.js'), 'schemas must not import errors')
  t.match(violation(at('src/client/x.ts'), '../errors.js'), 'client must not import errors')
  t.match(violation(at('src/client/x.ts'), 'node:http'), 'client must not import the package')
  t.equal(violation(at('src/domain/x.ts'), '../errors.js'), undefined)
})

t.test('only config reads the environment', async (t) => {
  const readers = sources.filter((file) => readFileSync(file, 'utf8').includes('process.env'))
  t.same(
    readers.map((file) => path.relative(root, file)),
    ['src/config.ts'],
  )
})
