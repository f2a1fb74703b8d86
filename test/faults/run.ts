/**
 * `npm run test:faults`: what the service survives, one file at a time, since times are measured. Where all of them pass,
 * `docs/reliability.md` is written from their figures.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { readFigures } from './figures.js'
import { renderPage } from './page.js'
import { hasPgBouncer } from './pgbouncer.js'

const ROOT = path.resolve(import.meta.dirname, '../..')
const TIMEOUT_S = 600
const THROUGH_PGBOUNCER = 'pgbouncer.test.ts'

const folder = mkdtempSync(path.join(os.tmpdir(), 'user-admin-figures-'))
try {
  process.exitCode = runTests(process.argv.slice(2), path.join(folder, 'figures'))
} finally {
  rmSync(folder, { recursive: true })
}

function runTests(options: string[], figures: string): number {
  // One line, which `.ci/run` looks for.
  if (!hasPgBouncer())
    console.log(
      `skipped: ${THROUGH_PGBOUNCER}, since there is no PgBouncer (on Debian, scripts/install-pgbouncer.sh installs it)`,
    )
  const files = readdirSync(import.meta.dirname)
    .filter((name) => name.endsWith('.test.ts') && (name !== THROUGH_PGBOUNCER || hasPgBouncer()))
    .map((name) => path.relative(ROOT, path.join(import.meta.dirname, name)))
  writeFileSync(figures, '')
  const { status, error } = spawnSync(
    'npx',
    ['tap', '--jobs=1', `--timeout=${TIMEOUT_S}`, ...options, ...files],
    {
      cwd: ROOT,
      stdio: 'inherit',
      env: { ...process.env, FAULT_FIGURES: figures },
    },
  )
  if (error) throw error
  if (status === 0) writeFileSync(path.join(ROOT, 'docs/reliability.md'), renderPage(readFigures(figures)))
  return status ?? 1
}
