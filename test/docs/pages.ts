/** Which pages there are, and what their blocks need of the machine. */
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { type Page, readPage, ROOT } from './markdown.js'

/** Folders with pages. What is in `docs/decisions` is history. */
const FOLDERS = ['.', 'docs', 'docs/guides', 'docs/reference', 'examples/*']

export const pages = (): Page[] => FOLDERS.flatMap(pagesIn)

/** @param folder from the checkout; `*` at its end stands for each of its folders */
export function pagesIn(folder: string): Page[] {
  const above = path.join(ROOT, folder.replace(/\*$/, ''))
  if (!existsSync(above)) return []
  const names = readdirSync(above, { recursive: folder.endsWith('*'), encoding: 'utf8' })
  const files = names.filter((name) => name.endsWith('.md') && !name.includes('node_modules'))
  return files.sort().map((name) => readPage(path.relative(ROOT, path.join(above, name))))
}

/** Programs by what in a block tells of them. The first ones are nearly everywhere. */
const PROGRAMS: Record<string, RegExp> = {
  bash: /./,
  curl: /\bcurl\b/,
  openssl: /\bopenssl\b/,
  psql: /\bpsql\b/,
  'django-admin': /\b(?:manage\.py|django-admin)\b/,
  nginx: /\bproxy_pass\b/,
  pgbouncer: /\[pgbouncer\]/,
}
const COMMON = ['bash', 'curl', 'openssl']

const needsOf = ({ blocks }: Page): string[] =>
  Object.keys(PROGRAMS).filter((name) => blocks.some(({ text }) => PROGRAMS[name]!.test(text)))

/** Whether `npm test` runs the page; or else `npm run test:django`, for which a script installs what is missing. */
export const isCommon = (page: Page): boolean => needsOf(page).every((name) => COMMON.includes(name))

/** Programs that the page's blocks want and this machine lacks. */
export const missingFor = (page: Page): string[] => needsOf(page).filter((name) => !isInstalled(name))

const isInstalled = (name: string): boolean =>
  [...process.env.PATH!.split(':'), '/usr/sbin'].some((folder) => existsSync(path.join(folder, name)))
