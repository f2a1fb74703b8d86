/** `user-admin users list`: users by any filter of the API, however many. */
import { Command, InvalidArgumentError, Option } from 'commander'
import type { TSchema } from '@sinclair/typebox'
import { MAX_PAGE_SIZE, pagingParameters, UserListQuery } from '../../../schemas/index.js'
import { alignedBy, jsonOption, note, printLines } from '../output.js'
import { type ConnectOptions, takesConnection, withService } from './connect.js'
import { cellOf } from './values.js'

/** What a table shows unless `--fields` chooses others. */
const COLUMNS = 'id,username,email,is_active,is_staff,is_superuser,last_login'

/** Rows whose widths decide how wide the columns are: later ones are told as they come. */
const SAMPLES = 100

interface Options extends ConnectOptions, Record<string, unknown> {
  limit?: number
  json?: boolean
}

/** An option for each parameter of the API that says who is wanted, and how. */
const filters = Object.entries<TSchema>(UserListQuery.properties)
  .filter(([name]) => !Object.hasOwn(pagingParameters, name))
  .map(([name, schema]) => ({ name, option: optionOf(name, schema) }))

function optionOf(name: string, { type, format, description = '' }: TSchema): Option {
  const value =
    format === 'date-time' ? 'instant' : name === 'ordering' || name === 'fields' ? 'names' : 'value'
  const option = new Option(`--${name.replaceAll(/_+/g, '-')} <${value}>`, description.replaceAll('`', ''))
  return type === 'boolean' ? option.choices(['true', 'false']) : option
}

export function listCommand(): Command {
  const command = new Command('list').description('Lists users: all of them, or those that all filters fit.')
  for (const { option } of filters) command.addOption(option)
  return takesConnection(command.option('--limit <number>', 'how many, at most', readLimit))
    .addOption(jsonOption('one JSON object a line, with all fields unless --fields chooses some'))
    .action((options: Options) => list(options))
}

function list({ limit = Infinity, json = false, ...options }: Options): Promise<void> {
  return withService(options, async (client) => {
    const query = {
      ...(json ? {} : { fields: COLUMNS }),
      ...queryOf(options),
      page_size: Math.min(limit, MAX_PAGE_SIZE),
    }
    const users = firstOf(limit, client.list('/admin/users/', { params: { query } }))
    await printLines(json ? asJson(users) : asTable(users, query.fields!.split(',')))
  })
}

const queryOf = (options: Options): Record<string, string> =>
  Object.fromEntries(
    filters.flatMap(({ name, option }) => {
      const value = options[option.attributeName()]
      return value === undefined ? [] : [[name, String(value)]]
    }),
  )

function readLimit(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a whole number from 1.')
}

async function* firstOf<T>(limit: number, items: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
  let left = limit
  for await (const item of items) {
    yield item
    if (--left === 0) return
  }
}

async function* asJson(users: AsyncIterable<object>): AsyncGenerator<string, void, undefined> {
  for await (const user of users) yield `${JSON.stringify(user)}\n`
}

async function* asTable(
  users: AsyncIterable<Record<string, unknown>>,
  fields: string[],
): AsyncGenerator<string, void, undefined> {
  const samples = [fields.map((field) => field.toUpperCase())]
  let align: ReturnType<typeof alignedBy> | undefined
  for await (const user of users) {
    const row = fields.map((field) => cellOf(user[field]))
    if (align !== undefined) yield align([row])
    else if (samples.push(row) > SAMPLES) yield (align = alignedBy(samples))(samples)
  }
  if (samples.length === 1) note('Nobody fits.')
  else if (align === undefined) yield alignedBy(samples)(samples)
}
