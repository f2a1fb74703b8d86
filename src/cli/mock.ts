/** `user-admin mock`: the real service on a throw-away database, for the tests of its consumers. */
import { readFile } from 'node:fs/promises'
import { Command, InvalidArgumentError, Option } from 'commander'
import { readConfig, writtenSettings } from '../config.js'
import { FIXTURES, type FixtureName } from '../mock/fixtures.js'
import type { Fixtures } from '../mock/read-fixtures.js'
import type { Mock } from '../mock/run-mock.js'
import { startMock } from '../mock/start-mock.js'
import { explainDatabase } from './database-failure.js'
import { CommandError } from './failure.js'
import { awaitSignal } from './signals.js'

interface Options {
  fixtures: FixtureName
  fixturesFile?: string
  port?: number
  json?: true
}

const HELP = `
It listens on 127.0.0.1 alone. The keys are the same every time, and open nothing but a mock. Settings come
from the environment, as for start, but for those of addresses, folders and tables. With DATABASE_URL the
database is made on that server, and dropped; else a PostgreSQL of its own is run in a temporary folder.`

export const mockCommand = () =>
  new Command('mock')
    .description('Runs the service on a database with known users and keys, which is gone afterwards.')
    .addOption(new Option('--fixtures <name>', 'who is in it').choices(Object.keys(FIXTURES)).default('team'))
    .addOption(new Option('--fixtures-file <file>', 'the same as JSON of your own').conflicts('fixtures'))
    .option('--port <number>', 'the port (default: a free one)', readPort)
    .option('--json', 'prints the URL, keys and ids as one line of JSON')
    .addHelpText('after', HELP)
    .action(run)

function readPort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text)
  throw new InvalidArgumentError('It must be a number from 0 to 65535.')
}

async function run({ fixtures, fixturesFile, port = 0, json }: Options): Promise<void> {
  const wanted = fixturesFile === undefined ? fixtures : await readFixturesFile(fixturesFile)
  // From here on, so that what a start has made is removed too.
  const { signal, release } = awaitSignal()
  try {
    const mock = await start(wanted, port)
    process.stdout.write(json ? asJson(mock) : asText(mock))
    await signal
    await mock.close()
  } finally {
    release()
  }
}

async function readFixturesFile(file: string): Promise<Fixtures> {
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new CommandError(`The fixtures can't be read: ${error.message}.`, { cause: error })
  })
  const { readFixtures } = await import('../mock/read-fixtures.js')
  try {
    return readFixtures(JSON.parse(text))
  } catch (error) {
    throw new CommandError(`${file}: ${(error as Error).message}`, { cause: error })
  }
}

async function start(fixtures: FixtureName | Fixtures, port: number): Promise<Mock> {
  try {
    return await startMock({ fixtures, port, settings: writtenSettings() })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE')
      throw new CommandError(
        `Port ${port} of 127.0.0.1 is in use. Choose another --port, or leave it out for a free one.`,
      )
    throw explainDatabase(error, readConfig())
  }
}

const asJson = ({ url, keys, users, groups }: Mock): string =>
  `${JSON.stringify({ url, keys, users, groups })}\n`

function asText({ url, keys, users, groups }: Mock): string {
  const names = Object.keys(keys)
  const width = Math.max(...names.map(({ length }) => length))
  return [
    '',
    `Service     ${url}${readConfig().PREFIX}/`,
    `Swagger UI  ${url}/docs`,
    `Groups      ${
      Object.values(groups)
        .map(({ id, name }) => `${id} ${name}`)
        .join(', ') || 'none'
    }`,
    '',
    ...names
      .slice(0, SHOWN)
      .map((name) => `${String(users[name]!.id).padStart(4)} ${name.padEnd(width)}  ${keys[name]}`),
    ...(names.length > SHOWN ? [`     and ${names.length - SHOWN} more`] : []),
    '',
    'Ctrl-C ends it, and removes everything.',
    '',
    '',
  ].join('\n')
}

/** Lines of a terminal that users may take. */
const SHOWN = 12
