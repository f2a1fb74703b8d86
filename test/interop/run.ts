/** `npm run test:django`: the suite by tap, as far as this machine has what it takes. */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { CHROMIUM, hasChromium, missingPackages, PYTHON } from './needs.js'

const ROOT = path.resolve(import.meta.dirname, '../..')
/** Of one file. Passwords and browsers take long on a busy machine. */
const TIMEOUT_S = 300
const IN_CHROMIUM = 'admin-pages.test.ts'

const missing = missingPackages()
if (missing.length > 0) skip('the whole suite', `${PYTHON} lacks ${missing.join(', ')}`)
else process.exitCode = runTests(process.argv.slice(2))

function runTests(options: string[]): number {
  const names = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.test.ts'))
  if (!hasChromium()) skip(IN_CHROMIUM, `there is no ${CHROMIUM}`)
  const files = names
    .filter((name) => name !== IN_CHROMIUM || hasChromium())
    .map((name) => path.relative(ROOT, path.join(import.meta.dirname, name)))
  const { status, error } = spawnSync('npx', ['tap', `--timeout=${TIMEOUT_S}`, ...options, ...files], {
    cwd: ROOT,
    stdio: 'inherit',
  })
  if (error) throw error
  return status ?? 1
}

/** One line, which `.ci/run` looks for. */
function skip(what: string, why: string): void {
  console.log(
    `skipped: ${what}, since ${why} (on Debian, scripts/install-django.sh installs what is missing)`,
  )
}
