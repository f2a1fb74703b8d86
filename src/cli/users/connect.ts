/** Gives a command a client of the service, and explains what the service refuses. */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Command } from 'commander'
import { makeClient, type UserAdminClient } from '../../client/index.js'
import { type Config, readConfig, readConnection } from '../../config.js'
import { CommandError, misused } from '../failure.js'
import { KEY_FILE } from '../names.js'
import { explainService, type Place } from './service-failure.js'

/** What every command that asks a service takes. */
export interface ConnectOptions {
  url?: string
  keyFile?: string
}

export const takesConnection = (command: Command): Command =>
  command
    .option('--url <url>', 'where the API is, such as http://127.0.0.1:3000/admin')
    .option('--key-file <file>', 'a file that holds the API key and nothing else')

/** A command waits for a person: what fails is repeated for less than a second. */
const RETRIES = { attempts: 3 }

/** What a header may carry. Anything else would be quoted by the error that refuses it. */
const KEY = /^[\x21-\x7e]+$/

/**
 * Does `work` with a client of the service that the options, or else the environment, say.
 * @throws CommandError where there is no service, no key, or what was asked is refused
 */
export async function withService<T>(
  { url: option, keyFile }: ConnectOptions,
  work: (client: UserAdminClient) => Promise<T>,
  environment?: NodeJS.ProcessEnv,
): Promise<T> {
  const config = readConfig(environment)
  const { url: variable, key: secret } = readConnection(environment)
  const named = option ?? variable
  const url = named === undefined ? urlOfSettings(config) : readUrl(named, config)
  // The first key of this machine is nothing to show to any other service.
  const firstKey = named === undefined ? path.resolve(config.DATA_DIR, KEY_FILE) : undefined
  const { key, source } = await readKey(keyFile, secret, firstKey)
  const place: Place = { url: url.href.replace(/\/$/, ''), keySource: source }
  const { origin, pathname: prefix } = new URL(place.url)
  try {
    return await work(makeClient({ baseUrl: origin, prefix, key, retries: RETRIES }))
  } catch (error) {
    throw explainService(error, place)
  }
}

/** Not quoted where it is none: it might hold a password. */
function readUrl(text: string, { PREFIX }: Config): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search || url.hash)
    throw misused('--url or USER_ADMIN_URL must be a URL such as https://host/admin')
  if (url.username || url.password)
    throw misused('--url or USER_ADMIN_URL must not hold credentials: the key comes from elsewhere')
  if (url.pathname === '/') url.pathname = PREFIX
  return url
}

/** The addresses that stand for all of a machine's. */
const ANY = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
])

function urlOfSettings({ HOST, PORT, PREFIX }: Config): URL {
  if (PORT === 0) throw new CommandError('PORT=0 is any port: say with --url where the service is.')
  const host = ANY.get(HOST) ?? HOST
  return new URL(`http://${host.includes(':') ? `[${host}]` : host}:${PORT}${PREFIX}`)
}

async function readKey(file: string | undefined, key: string | undefined, firstKey: string | undefined) {
  if (file !== undefined) return checked(await readKeyFile(file), file)
  if (key !== undefined) return checked(key, 'USER_ADMIN_KEY')
  const found = firstKey && (await readFile(firstKey, 'utf8').catch(() => undefined))
  if (firstKey !== undefined && found !== undefined) return checked(found, firstKey)
  const looked = firstKey === undefined ? '' : ` ${firstKey} can't be read.`
  throw new CommandError(`There is no key: set USER_ADMIN_KEY, or name a file with --key-file.${looked}`)
}

async function readKeyFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new CommandError(`The key can't be read: ${(error as Error).message}`, { cause: error })
  }
}

function checked(text: string, source: string): { key: string; source: string } {
  const key = text.trim()
  if (!KEY.test(key)) throw new CommandError(`${source} holds no key.`)
  return { key, source }
}
