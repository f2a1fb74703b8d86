/** A page of Markdown: its blocks of code, its links, and the headings that links may lead to. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import GithubSlugger from 'github-slugger'
import type { Code, Html, Nodes } from 'mdast'
import { fromMarkdown } from 'mdast-util-from-markdown'
import { toString } from 'mdast-util-to-string'
import { visit } from 'unist-util-visit'

export const ROOT = path.resolve(import.meta.dirname, '../..')

export interface Block {
  /** What follows the fence, such as `sh`; empty where nothing does. */
  lang: string
  text: string
  /** Of the page, from 1. */
  line: number
  /** How many headings stand before it. */
  section: number
  /** Of the comment `<!-- run: name=value -->` right before it. */
  options: Record<string, string>
  /** Whether readers don't see it: a comment `<!-- sh: commands -->`. */
  hidden: boolean
}

export interface Page {
  /** From the checkout. */
  path: string
  blocks: Block[]
  /** Targets as they are written. */
  links: { target: string; line: number }[]
  /** GitHub's names of its headings. */
  anchors: Set<string>
}

/** @throws Error where a comment for a block stands before none */
export function readPage(file: string): Page {
  return parsePage(file, readFileSync(path.join(ROOT, file), 'utf8'))
}

export function parsePage(file: string, markdown: string): Page {
  const page: Page = { path: file, blocks: [], links: [], anchors: new Set() }
  const slugger = new GithubSlugger()
  let section = 0
  let options: Record<string, string> | undefined
  const add = (block: Pick<Block, 'lang' | 'text' | 'line'>, hidden: boolean) => {
    page.blocks.push({ ...block, section, options: options ?? {}, hidden })
    options = undefined
  }
  visit(fromMarkdown(markdown), (node: Nodes) => {
    const line = node.position!.start.line
    if (options && isProse(node))
      throw new Error(`${file}:${line}: the comment before it belongs to a block of code`)
    if (node.type === 'heading') {
      section++
      page.anchors.add(slugger.slug(toString(node)))
    } else if (node.type === 'code') add({ lang: langOf(node), text: node.value, line }, false)
    else if (node.type === 'link' || node.type === 'image' || node.type === 'definition')
      page.links.push({ target: node.url, line })
    else if (node.type === 'html') {
      page.links.push(...targetsIn(node).map((target) => ({ target, line })))
      for (const [, kind, content] of node.value.matchAll(/<!-- (run|sh): ?(.*?)\s*-->/gs)) {
        if (kind === 'sh') add({ lang: 'sh', text: content!, line }, true)
        else options = readOptions(content!)
      }
    }
  })
  return page
}

const isProse = ({ type }: Nodes) => type === 'paragraph' || type === 'heading'

const langOf = ({ lang }: Code) => lang ?? ''

const targetsIn = ({ value }: Html) =>
  [...value.matchAll(/ (?:href|src|srcset)="([^"]*)"/g)].map((match) => match[1]!)

/** `name`, `name=value` or `name="some words"`, as often as there are. */
function readOptions(text: string): Record<string, string> {
  const found = [...text.matchAll(/([a-z-]+)(?:=(?:"([^"]*)"|(\S+)))?/g)]
  return Object.fromEntries(found.map(([, name, quoted, plain]) => [name!, quoted ?? plain ?? '']))
}
