/** The sources as JavaScript, as the package has them: they start in a third of the time that tsx takes. */
import { mkdirSync, readdirSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { buildSync } from 'esbuild'

const ROOT = path.resolve(import.meta.dirname, '../..')
const FOLDER = path.join(ROOT, '.compiled')
/** Its time is when they were compiled last. */
const STAMP = path.join(FOLDER, 'stamp')

/** Compiles `src` and `schemas`, where they have changed since. Tests that run beside each other may all do so. */
export function compiledSources(): string {
  const files = ['src', 'schemas'].flatMap((folder) => sourcesIn(path.join(ROOT, folder)))
  const newest = Math.max(...files.map((file) => statSync(file).mtimeMs))
  if (newest > timeOf(STAMP)) {
    const began = Date.now() / 1_000
    compile(files)
    put(STAMP, '')
    // What is saved while it compiles is compiled next time.
    utimesSync(STAMP, began, began)
  }
  return FOLDER
}

const sourcesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => path.join(folder, name))

const timeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0

function compile(entryPoints: string[]): void {
  const { outputFiles } = buildSync({
    entryPoints,
    outdir: FOLDER,
    outbase: ROOT,
    format: 'esm',
    platform: 'node',
    write: false,
  })
  for (const { path: file, contents } of outputFiles) put(file, contents)
}

/** At once, for whoever reads it meanwhile. */
function put(file: string, contents: string | Uint8Array): void {
  mkdirSync(path.dirname(file), { recursive: true })
  const unfinished = `${file}.${process.pid}`
  writeFileSync(unfinished, contents)
  renameSync(unfinished, file)
}
