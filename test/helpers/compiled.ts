/** The sources as JavaScript, as the package has them: they start in a fifth of the time that tsx takes. */
import { readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { bundle } from '../../scripts/bundle.js'

const ROOT = path.resolve(import.meta.dirname, '../..')
const FOLDER = path.join(ROOT, '.compiled')
/** Its time is when they were compiled last. */
const STAMP = path.join(FOLDER, 'stamp')
const A_DAY = 86_400

/** Compiles `src` and `schemas`, where they have changed since. Tests that run beside each other may all do so. */
export function compiledSources(): string {
  const files = ['src', 'schemas', 'scripts'].flatMap((folder) => filesIn(path.join(ROOT, folder)))
  // Some packages are compiled with them.
  const newest = Math.max(...[...files, path.join(ROOT, 'package-lock.json')].map(timeOf))
  if (newest > timeOf(STAMP)) {
    const began = Date.now() / 1_000
    bundle(FOLDER)
    removeUnused(path.join(FOLDER, 'src/chunks'), began - A_DAY)
    writeFileSync(STAMP, '')
    // What is saved while it compiles is compiled next time.
    utimesSync(STAMP, began, began)
  }
  return FOLDER
}

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.[jt]s$/.test(name))
    .map((name) => path.join(folder, name))

/** In seconds. */
const timeOf = (file: string): number => (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) / 1_000

/** Chunks are called after what is in them: those of other times lie about. */
function removeUnused(folder: string, before: number): void {
  for (const file of filesIn(folder)) if (timeOf(file) < before) rmSync(file, { force: true })
}
