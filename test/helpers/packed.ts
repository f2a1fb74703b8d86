/** The package as it is published, installed into a project of its own. */
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The checkout. */
export const ROOT = path.resolve(import.meta.dirname, '../..')

const KEPT = [
  'src',
  'schemas',
  'scripts/build.ts',
  'scripts/bundle.ts',
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'docs/grants.sql',
  'openapi.yaml',
  'README.md',
  'LICENSE',
  'CHANGELOG.md',
]

/**
 * Builds, packs and installs it, until `t` is over.
 * @returns the project's folder, below the checkout: so the packages that the tarball depends on are found; and the tarball
 */
export async function packInto(t: {
  teardown(fn: () => unknown): unknown
}): Promise<{ host: string; tarball: string }> {
  const host = mkdtempSync(path.join(ROOT, '.host-'))
  t.teardown(() => rmSync(host, { recursive: true, force: true }))
  const sources = path.join(host, 'source')
  mkdirSync(sources)
  for (const name of KEPT)
    cpSync(path.join(ROOT, name), path.join(sources, name), { recursive: true, force: true })
  await run('npm', ['run', '--silent', 'build'], { cwd: sources })
  await run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', host], { cwd: sources })
  const installed = path.join(host, 'node_modules/fastify-user-admin')
  mkdirSync(installed, { recursive: true })
  const packed = readdirSync(host).find((name) => name.endsWith('.tgz'))!
  const tarball = path.join(host, packed)
  await run('tar', ['-xzf', tarball, '--strip-components=1', '-C', installed])
  rmSync(sources, { recursive: true })
  writeFileSync(path.join(host, 'package.json'), '{ "type": "module" }')
  return { host, tarball }
}
