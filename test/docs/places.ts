/** Where a block is run, and how: its first line says so to readers as well. */
import path from 'node:path'
import type { Block } from './markdown.js'
import type { World } from './world.js'

const OWN_TERMINAL = /^# .*\bin a terminal of its own\b/

/** Folders by their names in comments, from the world's; and how the pages call them. */
const PLACES: Record<string, [RegExp, string]> = {
  checkout: [/^# in the checkout\b/, 'fastify-user-admin'],
  elsewhere: [/^# in a folder of your choice\b/, 'elsewhere'],
  project: [/^# in the Django project\b/, 'elsewhere/shop'],
  app: [/^# in (?:your|the) app\b/, 'app'],
}

/** What the shell is given for a block: the same text, in its place. */
export function inPlace({ text, options }: Block, world: World): string {
  const [name] = Object.entries(PLACES).find(([, [pattern]]) => pattern.test(text)) ?? [options.in]
  const commands = world.toReal(text)
  return [
    ...(name === undefined ? [] : [entering(name, world)]),
    OWN_TERMINAL.test(text) ? `DOCS_STAYS=1 stay bash -eo pipefail -c ${quote(commands)}` : commands,
  ].join('\n')
}

/** A file's text, written as a command would. */
export function writing(name: string, { text, options }: Block, world: World): string {
  const operator = 'append' in options ? '>>' : '>'
  const write = `printf '%s\\n' ${quote(world.toReal(text))} ${operator} ${quote(name)}`
  return options.in === undefined ? write : `(${entering(options.in, world)}; ${write})`
}

/** @throws Error where nobody knows a place of that name */
function entering(name: string, { folder }: World): string {
  const place = PLACES[name]?.[1]
  if (place === undefined)
    throw new Error(`There is no place "${name}", but ${Object.keys(PLACES).join(', ')}`)
  const there = quote(path.join(folder, place))
  return `mkdir -p ${there}; cd ${there}`
}

const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`
