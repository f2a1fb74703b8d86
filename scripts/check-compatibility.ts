/**
 * Fails where `openapi.yaml` breaks a consumer of the last release, and the version does not say so. The document of that release is
 * `docs/releases/openapi.yaml`; `--release` puts this one in its place, and `--against FILE` compares with another.
 */
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { parse } from 'yaml'
import { breakingChanges, mayBreak } from './compatibility.js'

const ROOT = path.resolve(import.meta.dirname, '..')
const RELEASED = path.join(ROOT, 'docs/releases/openapi.yaml')

const { values } = parseArgs({ options: { release: { type: 'boolean' }, against: { type: 'string' } } })
const text = await readFile(path.join(ROOT, 'openapi.yaml'), 'utf8')
const [before, after] = [parse(await readFile(values.against ?? RELEASED, 'utf8')), parse(text)]
const changes = breakingChanges(before, after)
const [released, next] = [before.info.version, after.info.version]
const isAllowed = mayBreak(released, next)

for (const change of changes) console.log(change)
console.log(
  changes.length === 0
    ? `Whoever gets along with ${released} gets along with this.`
    : `${changes.length} changes break consumers of ${released}: ${
        isAllowed ? `${next} may.` : `${next} may not. See docs/versioning.md.`
      }`,
)
if (changes.length > 0 && !isAllowed) process.exitCode = 1
else if (values.release) await writeFile(RELEASED, text)
