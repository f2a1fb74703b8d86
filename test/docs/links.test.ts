// Every link from one page to another, or to a file, leads somewhere.
import { existsSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { type Page, readPage, ROOT } from './markdown.js'
import { pages } from './pages.js'

const ELSEWHERE = /^[a-z]+:/

/** What is wrong with a link, if anything is. */
function faultOf({ path: from, anchors }: Page, target: string): string | undefined {
  const [file = '', anchor] = decodeURIComponent(target).split('#')
  const to = path.join(path.dirname(from), file)
  if (file !== '' && !existsSync(path.join(ROOT, to))) return 'there is no such file'
  if (anchor === undefined) return undefined
  const known = file === '' ? anchors : readPage(to).anchors
  return known.has(anchor) ? undefined : 'there is no such heading'
}

for (const page of pages())
  t.test(page.path, async (t) => {
    const faults = page.links
      .filter(({ target }) => !ELSEWHERE.test(target))
      .map(({ target, line }) => ({ line, target, fault: faultOf(page, target) }))
    t.same(
      faults.filter(({ fault }) => fault !== undefined),
      [],
    )
  })
