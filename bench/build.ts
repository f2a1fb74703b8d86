/** Compiles what is measured, so that nothing of it runs through tsx. */
import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { bundle } from '../scripts/bundle.js'
import { runChild } from './children.js'
import type { Resources } from './resources.js'

export const ROOT = path.resolve(import.meta.dirname, '..')

/**
 * Puts the service, as the package has it, the peers and the load generators into `folder`, which then looks like the checkout.
 * Types are not checked: `npm run types` does that, and whatever else is in the works must not stop a
 * measurement.
 */
export async function build(resources: Resources, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await copyFile(path.join(ROOT, 'package.json'), path.join(folder, 'package.json'))
  await symlink(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'))
  const config = path.join(folder, 'tsconfig.json')
  await writeFile(config, JSON.stringify(configFor(folder)))
  const compiler = path.join(ROOT, 'node_modules/typescript/bin/tsc')
  await runChild(resources, process.execPath, [compiler, '-p', config], { timeoutMs: 120_000 })
  bundle(folder)
}

const configFor = (folder: string) => ({
  extends: path.join(ROOT, 'tsconfig.json'),
  compilerOptions: { noEmit: false, noCheck: true, sourceMap: false, rootDir: ROOT, outDir: folder },
  include: ['bench/peers', 'bench/load'].map((part) => path.join(ROOT, part)),
})
