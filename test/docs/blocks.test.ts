// Every block of every page is run, checked, or left out for a reason that still holds.
import t from 'tap'
import { BLOCKS, COMMANDS } from './exceptions.js'
import { pages } from './pages.js'
import { planPage } from './plan.js'

const all = pages()

t.test('there is something to do with each block', async (t) => {
  for (const page of all) t.doesNotThrow(() => planPage(page), page.path)
})

t.test('each exception stands for something', async (t) => {
  const texts = all.flatMap((page) => page.blocks).map(({ text }) => text)
  for (const { text } of [...COMMANDS, ...BLOCKS])
    t.ok(
      texts.some((block) => block.includes(text)),
      text,
    )
})
