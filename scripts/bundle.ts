/** Puts the code into few files: most of a start was loading hundreds of them (0037). */
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildSync, type OutputFile } from 'esbuild'

const ROOT = path.resolve(import.meta.dirname, '..')

/** Packages of hundreds of files each, of which we load nearly all. */
export const BUNDLED = ['@sinclair/typebox', 'kysely']

/** What is run or imported. All that they share is in chunks, once. */
const ENTRIES = ['src/index', 'src/mock/index', 'src/cli/main']

const COMMON = {
  absWorkingDir: ROOT,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  write: false,
} as const

/** @param folder where what it holds already stays, and whoever runs it meanwhile is not disturbed */
export function bundle(folder: string): void {
  // Chunks are there before who loads them.
  for (const { path: file, contents } of [...client(folder), ...chunksFirst(program(folder))])
    put(file, contents)
  put(path.join(folder, 'THIRD-PARTY-LICENSES.txt'), BUNDLED.map(licenseOf).join('\n\n'))
}

function program(outdir: string): OutputFile[] {
  const { dependencies, optionalDependencies } = JSON.parse(
    readFileSync(path.join(ROOT, 'package.json'), 'utf8'),
  ) as Record<'dependencies' | 'optionalDependencies', Record<string, string>>
  const { outputFiles } = buildSync({
    ...COMMON,
    bundle: true,
    splitting: true,
    entryPoints: ENTRIES.map((entry) => ({ in: `${entry}.ts`, out: entry })),
    external: Object.keys({ ...dependencies, ...optionalDependencies }).filter(
      (name) => !BUNDLED.includes(name),
    ),
    chunkNames: 'src/chunks/[name]-[hash]',
    outdir,
  })
  return outputFiles
}

/** File by file: browsers load it, and bundle it with what is theirs. */
function client(outdir: string): OutputFile[] {
  const entryPoints = readdirSync(path.join(ROOT, 'src/client')).map((name) => `src/client/${name}`)
  return buildSync({ ...COMMON, entryPoints, outbase: '.', outdir }).outputFiles
}

const isChunk = ({ path: file }: OutputFile): boolean => path.basename(path.dirname(file)) === 'chunks'
const chunksFirst = (files: readonly OutputFile[]): OutputFile[] =>
  files.toSorted((one, other) => Number(isChunk(other)) - Number(isChunk(one)))

/** At once, for whoever reads it meanwhile. */
function put(file: string, contents: string | Uint8Array): void {
  mkdirSync(path.dirname(file), { recursive: true })
  const unfinished = `${file}.${process.pid}`
  writeFileSync(unfinished, contents)
  renameSync(unfinished, file)
}

function licenseOf(name: string): string {
  const main = fileURLToPath(import.meta.resolve(name)).replaceAll(path.sep, '/')
  const [home] = new RegExp(`^.*/node_modules/${name}/`).exec(main)!
  const { version } = JSON.parse(readFileSync(path.join(home, 'package.json'), 'utf8')) as { version: string }
  const file = readdirSync(home).find((entry) => /^licen[cs]e/i.test(entry))!
  return `${name} ${version}\n\n${readFileSync(path.join(home, file), 'utf8').trim()}\n`
}
