/** What is done with each block of a page, by its language and what stands before it. */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { BLOCKS } from './exceptions.js'
import { type Block, type Page, ROOT } from './markdown.js'

export type Step =
  /** Commands, with the output that the page shows of them. */
  | { kind: 'shell'; block: Block; outputs: Block[] }
  /** A file that later blocks use. */
  | { kind: 'file'; block: Block; name: string }
  | { kind: 'sql'; block: Block }
  | { kind: 'module'; block: Block }
  /** Settings that a reader adapts: their names and values are checked. */
  | { kind: 'settings'; block: Block }
  /** A block that is looked at elsewhere. */
  | { kind: 'checked'; block: Block }

/** In the order of the page. @throws Error that names the block that nothing can be done with */
export function planPage(page: Page): Step[] {
  const steps: Step[] = []
  for (const block of page.blocks) {
    const last = steps.at(-1)
    if (isOutput(block) && last?.kind === 'shell' && last.block.section === block.section)
      last.outputs.push(block)
    else steps.push(stepOf(page, block))
  }
  return steps
}

const isOutput = ({ lang, options }: Block) => ['json', 'text'].includes(lang) && !('file' in options)

function stepOf(page: Page, block: Block): Step {
  const { lang, options, text } = block
  if (BLOCKS.some((exception) => text.startsWith(exception.text))) return { kind: 'checked', block }
  if (options.file !== undefined) return { kind: 'file', block, name: options.file }
  if (lang === 'env') return { kind: 'settings', block }
  if (lang === 'sh') return { kind: 'shell', block, outputs: [] }
  if (lang === 'sql') return { kind: 'sql', block }
  if (lang === 'js' || lang === 'ts')
    return isPartOfExample(text) ? { kind: 'checked', block } : { kind: 'module', block }
  throw new Error(
    `${page.path}:${block.line}: nothing is known to do with this block of ${lang || 'no language'}; see CONTRIBUTING.md`,
  )
}

/** Every paragraph of it stands in one file of `examples/`, which other tests compile and run. */
function isPartOfExample(text: string): boolean {
  const paragraphs = text.trim().split('\n\n')
  return examples().some((example) => paragraphs.every((paragraph) => example.includes(paragraph)))
}

const examples = (): string[] =>
  readdirSync(path.join(ROOT, 'examples'), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.[jt]s$/.test(file) && !/(?:^|\/)(?:node_modules|dist)\//.test(file))
    .map((file) => readFileSync(path.join(ROOT, 'examples', file), 'utf8'))
