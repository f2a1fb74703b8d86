/** Puts the code into few files: most of a start was loading a thousand of them (0037). */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const ROOT = path.resolve(import.meta.dirname, '..')

/** Packages of hundreds of files each, of which we load nearly all. They are pinned, so that it is known what is in a build. */
export const BUNDLED = ['@sinclair/typebox', 'kysely']

/** What is run or imported. All that they share is in chunks, once. */
const ENTRIES = ['src/index', 'src/mock/index', 'src/cli/main']

const COMMON = { absWorkingDir: ROOT, format: 'esm', platform: 'node', target: 'node20.19' } as const

/** @param folder where `dist` is; what it holds already stays */
export async function bundle(folder: string): Promise<void> {
  const { dependencies, optionalDependencies } = JSON.parse(
    readFileSync(path.join(ROOT, 'package.json'), 'utf8'),
  ) as Record<'dependencies' | 'optionalDependencies', Record<string, string>>
  await build({
    ...COMMON,
    bundle: true,
    splitting: true,
    entryPoints: ENTRIES.map((entry) => ({ in: `${entry}.ts`, out: entry })),
    external: Object.keys({ ...dependencies, ...optionalDependencies }).filter(
      (name) => !BUNDLED.includes(name),
    ),
    chunkNames: 'src/chunks/[name]-[hash]',
    outdir: folder,
  })
  // As it is written: browsers load it, and bundle it with what is theirs.
  await build({ ...COMMON, entryPoints: ['src/client/*.ts'], outbase: '.', outdir: folder })
  writeFileSync(path.join(folder, 'THIRD-PARTY-LICENSES.txt'), BUNDLED.map(licenseOf).join('\n\n'))
}

function licenseOf(name: string): string {
  const [home] = new RegExp(`^.*/node_modules/${name}/`).exec(fileURLToPath(import.meta.resolve(name)))!
  const file = readdirSync(home).find((entry) => /^licen[cs]e/i.test(entry))!
  return `${name}\n\n${readFileSync(path.join(home, file), 'utf8').trim()}\n`
}
