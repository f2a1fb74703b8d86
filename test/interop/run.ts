/** `npm run test:django`: the suite by tap, as far as this machine has what it takes. */
import { runTap, sayThatSkipped, testsIn } from '../helpers/run-tap.js'
import { CHROMIUM, hasChromium, missingPackages, PYTHON } from './needs.js'

const IN_CHROMIUM = 'admin-pages.test.ts'

const missing = missingPackages()
if (missing.length > 0) sayThatSkipped('the whole suite', `${PYTHON} lacks ${missing.join(', ')}`)
else process.exitCode = runTests(process.argv.slice(2))

function runTests(options: string[]): number {
  if (!hasChromium()) sayThatSkipped(IN_CHROMIUM, `there is no ${CHROMIUM}`)
  const names = testsIn(import.meta.dirname).filter((name) => name !== IN_CHROMIUM || hasChromium())
  return runTap(import.meta.dirname, names, options)
}
