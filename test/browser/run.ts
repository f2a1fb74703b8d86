/** `npm run test:browser`: the suite by tap, where this machine has a Chromium. */
import { runTap, sayThatSkipped, testsIn } from '../helpers/run-tap.js'
import { CHROMIUM, hasChromium } from '../interop/needs.js'

if (hasChromium())
  process.exitCode = runTap(import.meta.dirname, testsIn(import.meta.dirname), process.argv.slice(2))
else sayThatSkipped('the whole suite', `there is no ${CHROMIUM}`)
