/** `user-admin compare`: the answers of a Django REST Framework view and of this service to the same requests. */
import { Command, InvalidArgumentError } from 'commander'
import { readCredentials } from '../config.js'
import { parseId } from '../domain/accept-update.js'
import { differencesIn } from './compare/differences.js'
import { send, type Side, type Sides } from './compare/exchange.js'
import { readCaller, readUserOn } from './compare/reading.js'
import { readRequests } from './compare/recorded.js'
import { asJson, asText, verdictOf } from './compare/report.js'
import { OTHER_REQUESTS } from './compare/requests.js'
import { type Ask, compareUser } from './compare/user.js'
import { CommandError, explain } from './failure.js'
import { jsonOption, note } from './output.js'

interface Options {
  django: string
  service: string
  user?: number[]
  requests?: string
  /** Seconds. */
  timeout: number
  json?: boolean
}

const DIFFERENT = 1
const NOT_COMPARED = 2

const HELP = `
Both must run on the same database. DJANGO_AUTHORIZATION and SERVICE_AUTHORIZATION have the values of the header
Authorization, such as "Token 9944b0…" and "Bearer uak_…", of one and the same user.

Unasked, only requests are made that change nothing: what is there is read and sent back, and the rest is refused. Django
saves a user even so, and runs its signals: choose one that nobody is editing.

--requests FILE sends a client's own requests, and these do WRITE: first to the service, then to Django, which finds what
the service has done. What is made or deleted is done only once. So try it on a copy of the database. One JSON object a
line: {"method": "PATCH", "path": "/users/7/", "body": {"first_name": "Ada"}}, and if you like "name" and "headers".

The status is 0 where all is the same or differs as docs/decisions/0003-departures-from-drf.md says, 1 where something
else differs, and 2 where it could not be compared.`

export const compareCommand = () =>
  new Command('compare')
    .description('Compares the answers of a Django REST Framework view with those of this service.')
    .requiredOption('--django <url>', 'the URL that /users/ comes after in Django')
    .requiredOption('--service <url>', 'the same of the service, such as http://127.0.0.1:3000/admin')
    .option('--user <id>', 'a user to read and to send back; may be repeated (default: the caller)', addId)
    .option('--requests <file>', "a client's own requests, which may write")
    .option('--timeout <seconds>', 'how long an answer may take', readSeconds, 15)
    .addOption(jsonOption('one JSON object a line'))
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      try {
        if (await compare(options)) process.exitCode = DIFFERENT
      } catch (error) {
        throw new CommandError(explain(error), { cause: error, exitCode: NOT_COMPARED })
      }
    })

/** @returns whether anything differs that should not */
async function compare({ user, requests, timeout, json, ...urls }: Options): Promise<boolean> {
  const sides = sidesOf(urls)
  const timeoutMs = timeout * 1_000
  const recorded = requests === undefined ? [] : await readRequests(requests, sides.django.base)
  const caller = await readCaller(sides.service, timeoutMs)
  const counts = { same: 0, known: 0, different: 0 }
  const ask: Ask = async (request) => {
    // The service first: what Django has already done would be a no-op for it, which it never refuses.
    const service = await send(sides.service, request, timeoutMs)
    const django = await send(sides.django, request, timeoutMs)
    const exchange = { request, django, service }
    const finding = { ...exchange, differences: differencesIn(exchange) }
    counts[verdictOf(finding)]++
    process.stdout.write(`${json ? asJson(finding) : asText(finding)}\n`)
    return finding
  }

  const users = user ?? (requests === undefined ? [caller] : [])
  for (const id of users) await compareUser(id, () => readUserOn(sides, id, timeoutMs), ask)
  for (const request of users.length > 0 ? OTHER_REQUESTS : []) await ask(request)
  let isJson = recorded.length === 0
  for (const request of recorded) isJson = (await ask(request)).django.kind === 'json' || isJson
  if (!isJson)
    throw new CommandError(
      'None of the answers of Django was JSON: check its URL, and the paths of the file.',
    )
  note(`${counts.same} the same, ${counts.known} with known differences, ${counts.different} different.`)
  return counts.different > 0
}

function sidesOf({ django, service }: Pick<Options, 'django' | 'service'>): Sides {
  const credentials = readCredentials()
  return {
    django: { name: 'Django', base: baseOf('--django', django), authorization: credentials.django },
    service: { name: 'the service', base: baseOf('--service', service), authorization: credentials.service },
  }
}

/** Not quoted where it is none: it might hold a password. */
function baseOf(option: string, text: string): Side['base'] {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search || url.hash)
    throw new CommandError(`${option} must be a URL such as https://host/admin`)
  if (url.username || url.password)
    throw new CommandError(`${option} must not hold credentials: they come from the environment`)
  return url.href.replace(/\/+$/, '')
}

function addId(text: string, ids: number[] = []): number[] {
  const id = parseId(text)
  if (id === undefined) throw new InvalidArgumentError('It must be an id.')
  return [...ids, id]
}

function readSeconds(text: string): number {
  const seconds = Number(text)
  if (/^\d{1,4}(?:\.\d+)?$/.test(text) && seconds > 0) return seconds
  throw new InvalidArgumentError('It must be a number of seconds.')
}
