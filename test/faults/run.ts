/**
 * `npm run test:faults`: what the service survives, one file at a time, since times are measured. Where all of them pass,
 * `docs/reliability.md` is written from their figures.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { runTap, sayThatSkipped, testsIn } from '../helpers/run-tap.js'
import { readFigures } from './figures.js'
import { renderPage } from './page.js'
import { hasHaProxy } from './haproxy.js'
import { hasPgBouncer } from './pgbouncer.js'

const PAGE = path.resolve(import.meta.dirname, '../../docs/reliability.md')
const OPTIONS = ['--jobs=1']
const THROUGH_PGBOUNCER = 'pgbouncer.test.ts'
const BEHIND_HAPROXY = 'example-replicas.test.ts'
const INSTALL = 'scripts/install-faults.sh'

const folder = mkdtempSync(path.join(os.tmpdir(), 'user-admin-figures-'))
try {
  process.exitCode = runTests(process.argv.slice(2), path.join(folder, 'figures'))
} finally {
  rmSync(folder, { recursive: true })
}

function runTests(options: string[], figures: string): number {
  if (!hasPgBouncer()) sayThatSkipped(THROUGH_PGBOUNCER, 'there is no PgBouncer', INSTALL)
  if (!hasHaProxy()) sayThatSkipped(BEHIND_HAPROXY, 'there is no HAProxy', INSTALL)
  const lacking = [!hasPgBouncer() && THROUGH_PGBOUNCER, !hasHaProxy() && BEHIND_HAPROXY]
  const names = testsIn(import.meta.dirname).filter((name) => !lacking.includes(name))
  writeFileSync(figures, '')
  const status = runTap(import.meta.dirname, names, [...OPTIONS, ...options], { FAULT_FIGURES: figures })
  if (status === 0) writeFileSync(PAGE, renderPage(readFigures(figures)))
  return status
}
