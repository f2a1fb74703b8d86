/** Runs all blocks of a page in their order, each as its plan says. */
import type { Test } from 'tap'
import { readConfig, SETTINGS } from '../../src/config.js'
import { until } from '../helpers/until.js'
import { matchesJson, matchesText } from './compare.js'
import type { Block, Page } from './markdown.js'
import { runModule } from './modules.js'
import { inPlace, writing } from './places.js'
import { missingFor } from './pages.js'
import { planPage, type Step } from './plan.js'
import { type Ran, type Shell, startShell } from './shell.js'
import { runSql } from './sql.js'
import { makeWorld, type World } from './world.js'

/** Each page as a test. Those that this machine can't run are skipped, and say why. */
export async function runPages(t: Test, pages: Page[]): Promise<void> {
  for (const page of pages.filter(({ blocks }) => blocks.length > 0)) {
    const missing = missingFor(page)
    const skip = missing.length > 0 && `needs ${missing.join(', ')}`
    await t.test(page.path, { skip }, (t) => runPage(t, page))
  }
}

/** A page that fails is not gone on with: what comes after builds on what was before. */
async function runPage(t: Test, page: Page): Promise<void> {
  const world = await makeWorld(t, page)
  const shell = await startShell(world)
  t.teardown(() => shell.end())
  for (const step of planPage(page)) {
    if (step.kind === 'checked') continue
    const { line, lang } = step.block
    await t.test(`line ${line}: ${lang}`, (t) => run(t, step, world, shell))
    if (!t.passing()) return
  }
}

async function run(t: Test, step: Step, world: World, shell: Shell): Promise<void> {
  const { block } = step
  switch (step.kind) {
    case 'shell':
      return runShell(t, step, world, shell)
    case 'file':
      return void (await shell.run(writing(step.name, block, world)))
    case 'sql':
      return runSql(world.postgres!, block)
    case 'module':
      return runModule(t, block, world)
    case 'settings':
      return checkSettings(t, block)
  }
}

async function runShell(t: Test, step: Extract<Step, { kind: 'shell' }>, world: World, shell: Shell) {
  const ran = await shell.run(inPlace(step.block, world), statusOf(step.outputs))
  for (const shown of step.outputs) await compare(t, ran, shown, world)
}

/** A problem document shows the status that the request is refused with. */
function statusOf(outputs: Block[]): number | undefined {
  const [status] = outputs.flatMap(({ lang, text }) =>
    lang === 'json' && text.includes('"type"') ? (/"status": ?(\d{3})/.exec(text)?.[1] ?? []) : [],
  )
  return status === undefined ? undefined : Number(status)
}

/** What stays may write it only a moment later. */
async function compare(t: Test, ran: Ran, { lang, text, line }: Block, world: World): Promise<void> {
  const real = async () => world.toShown(await ran.output())
  const matches = async () =>
    lang === 'json' ? matchesJson(text, await real()) : matchesText(text, await real(), !ran.stays)
  const matched = ran.stays ? await until(matches).catch(() => false) : await matches()
  if (matched) t.pass(`line ${line}: the output is as shown`)
  else t.equal(await real(), text, `line ${line}: the output is as shown`)
}

/** Names and values are what the service takes. */
function checkSettings(t: Test, { text }: Block): void {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const pairs = lines.map((line) => line.split(/=(.*)/s).slice(0, 2))
  t.same(
    pairs.map(([name]) => name!).filter((name) => !Object.hasOwn(SETTINGS, name)),
    [],
    'they are settings',
  )
  t.ok(readConfig(Object.fromEntries(pairs)))
}
