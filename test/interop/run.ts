/** `npm run test:django`: the suite by tap, as far as this machine has what it takes. */
import { isCommon, missingFor, pages } from '../docs/pages.js'
import { runTap, sayThatSkipped, testsIn } from '../helpers/run-tap.js'
import { CHROMIUM, hasChromium, missingPackages, PYTHON } from './needs.js'

const IN_CHROMIUM = 'admin-pages.test.ts'

const missing = missingPackages()
if (missing.length > 0) sayThatSkipped('the whole suite', `${PYTHON} lacks ${missing.join(', ')}`)
else process.exitCode = runTests(process.argv.slice(2))

function runTests(options: string[]): number {
  if (!hasChromium()) sayThatSkipped(IN_CHROMIUM, `there is no ${CHROMIUM}`)
  for (const page of pages().filter((page) => !isCommon(page))) {
    const programs = missingFor(page)
    if (programs.length > 0)
      sayThatSkipped(`the blocks of ${page.path}`, `there is no ${programs.join(', ')}`)
  }
  const names = testsIn(import.meta.dirname).filter((name) => name !== IN_CHROMIUM || hasChromium())
  return runTap(import.meta.dirname, names, options)
}
