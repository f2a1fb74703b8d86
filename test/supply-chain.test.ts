/** What the package brings along, and what SECURITY.md says of it all. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { folder } from './helpers/cli.js'
import { readTable } from './helpers/markdown-table.js'

const ROOT = path.resolve(import.meta.dirname, '..')
const readJson = (file: string) => JSON.parse(readFileSync(path.resolve(ROOT, file), 'utf8'))

interface Locked {
  version: string
  dev?: boolean
  integrity?: string
}

const locked = Object.entries<Locked>(readJson('package-lock.json').packages).filter(
  ([place]) => place !== '',
)

t.test('every package is locked to its bytes', async (t) => {
  t.ok(locked.length > 100)
  t.same(
    locked.filter(([, { integrity }]) => !integrity?.startsWith('sha512-')).map(([place]) => place),
    [],
  )
})

t.test('the bill of materials has all that is installed with the package', async (t) => {
  const file = path.join(await folder(t), 'sbom.json')
  execFileSync('npm', ['run', '--silent', 'sbom', '--', '--output-file', file], { cwd: ROOT })
  const bill = readJson(file)
  t.match(bill, { bomFormat: 'CycloneDX', metadata: { component: { name: readJson('package.json').name } } })
  const wanted = locked
    .filter(([, { dev }]) => !dev)
    .map(([place, { version }]) => `${place.split('node_modules/').at(-1)}@${version}`)
  t.same([...new Set(namesIn(bill.components))].toSorted(), [...new Set(wanted)].toSorted())
})

interface Component {
  group?: string
  name: string
  version: string
  components?: Component[]
}

const namesIn = (components: readonly Component[] = []): string[] =>
  components.flatMap(({ group, name, version, components }) => [
    `${group ? `${group}/` : ''}${name}@${version}`,
    ...namesIn(components),
  ])

t.test('each threat in SECURITY.md has tests, and they are there', async (t) => {
  const threats = readTable('SECURITY.md', 'Threats')
  const risks = new Set(threats.map(({ Risk }) => Risk!.split(' ')[0]))
  for (let number = 1; number <= 10; number++) t.ok(risks.has(`API${number}`), `API${number} is there`)
  for (const { Threat, Test } of threats) {
    const files = Test!.split(' ')
    t.ok(files[0] !== '', Threat!)
    for (const file of files) t.ok(existsSync(path.join(ROOT, file)), file)
  }
})
