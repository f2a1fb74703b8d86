/** From the environment to one frozen Config. The only reader of `process.env`. */
import { ConfigError } from './config/error.js'
import { SETTINGS } from './config/settings.js'
import { hideSecrets } from './db/database-url.js'
import type { JwtOptions } from './domain/jwt-options.js'

export { SETTINGS } from './config/settings.js'

type Settings = typeof SETTINGS
export type SettingName = keyof Settings

/** The effective settings. */
export type Config = {
  readonly [Name in SettingName]: ReturnType<Settings[Name]['read']> | Settings[Name]['fallback']
}

/**
 * Reads the settings. An empty variable counts as none.
 * @throws ConfigError that names every faulty variable and what it must be; the value of a secret is not quoted
 */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const faults: string[] = []
  const values = Object.entries(SETTINGS).map(([name, { read, fallback, secret }]) => {
    const given = environment[name] ?? ''
    if (given === '') return [name, fallback]
    try {
      return [name, read(given)]
    } catch (error) {
      faults.push(`${name}${secret ? '' : `=${given}`} ${(error as Error).message}`)
      return [name, fallback]
    }
  })
  const config = Object.freeze(Object.fromEntries(values)) as Config
  faults.push(...contradictions(config))
  if (faults.length > 0) throw new ConfigError(faults.join('\n'))
  return config
}

/** The settings that an environment has, as they are written; empty ones are none. */
export const writtenSettings = (
  environment: NodeJS.ProcessEnv = process.env,
): Partial<Record<SettingName, string>> =>
  Object.fromEntries(
    Object.keys(SETTINGS).flatMap((name) => (environment[name] ? [[name, environment[name]]] : [])),
  )

/** Settings that need each other. */
function contradictions(config: Config): string[] {
  return [...jwtContradictions(config), ...ignored(config)]
}

function jwtContradictions(config: Config): string[] {
  if (config.JWT_JWKS_URL === undefined) {
    const idle = (['JWT_ISSUER', 'JWT_AUDIENCE', 'JWT_SCOPES'] as const).filter(
      (name) => config[name] !== undefined,
    )
    return idle.map((name) => `${name} needs JWT_JWKS_URL`)
  }
  const missing = (['JWT_ISSUER', 'JWT_AUDIENCE'] as const).filter((name) => config[name] === undefined)
  // Without these, tokens that the provider issued for others would be taken.
  return missing.map((name) => `${name} is needed with JWT_JWKS_URL`)
}

/** What would do nothing, and was meant to. */
function ignored(config: Config): string[] {
  const faults: string[] = []
  if (config.DJANGO_ADMIN_LOG_USER !== undefined && !config.DJANGO_ADMIN_LOG)
    faults.push('DJANGO_ADMIN_LOG_USER needs DJANGO_ADMIN_LOG=on')
  if (config.RATE_LIMIT_SHARED && config.RATE_LIMIT_PER_ADDRESS + config.RATE_LIMIT_PER_CALLER === 0)
    faults.push('RATE_LIMIT_SHARED needs RATE_LIMIT_PER_ADDRESS or RATE_LIMIT_PER_CALLER')
  return faults
}

/** The JWTs that are taken; undefined for none. */
export const jwtOptions = (config: Config): JwtOptions | undefined =>
  config.JWT_JWKS_URL === undefined
    ? undefined
    : {
        jwksUrl: config.JWT_JWKS_URL,
        issuer: config.JWT_ISSUER!,
        audience: config.JWT_AUDIENCE!,
        algorithms: config.JWT_ALGORITHMS,
        user: { claim: config.JWT_USER_CLAIM, field: config.JWT_USER_FIELD },
        scopes: config.JWT_SCOPES,
        keysMaxAge: config.JWT_KEYS_MAX_AGE,
      }

/** How new passwords are stored, in the terms of the password encoder. */
export const passwordOptions = (config: Config) => ({
  hasher: config.PASSWORD_HASHER,
  pbkdf2Iterations: config.PBKDF2_ITERATIONS,
  argon2HashLength: Number(config.ARGON2_HASH_LENGTH) as 16 | 32,
})

/** What the Django project calls its tables and its user model. */
export const naming = (config: Config) => ({
  userModel: config.AUTH_USER_MODEL,
  tables: {
    auth_user: config.AUTH_USER_TABLE,
    auth_user_groups: config.AUTH_USER_GROUPS_TABLE,
    auth_user_user_permissions: config.AUTH_USER_USER_PERMISSIONS_TABLE,
    auth_group: config.AUTH_GROUP_TABLE,
    auth_group_permissions: config.AUTH_GROUP_PERMISSIONS_TABLE,
    auth_permission: config.AUTH_PERMISSION_TABLE,
    django_content_type: config.DJANGO_CONTENT_TYPE_TABLE,
    authtoken_token: config.AUTHTOKEN_TOKEN_TABLE,
    django_admin_log: config.DJANGO_ADMIN_LOG_TABLE,
  },
})

/** The effective settings as text, secrets hidden: of a URL, its password. */
export function describeConfig(config: Config): Record<string, string> {
  const shown = (name: string, value: unknown): string => {
    if (value === undefined) return ''
    if (typeof value === 'boolean') return value ? 'on' : 'off'
    if (SETTINGS[name as SettingName].secret) return hideSecrets(String(value))
    if (typeof value !== 'object' || Array.isArray(value)) return String(value)
    return Object.entries(value as object)
      .map(([key, values]) => `${key}=${values}`)
      .join(' ')
  }
  return Object.fromEntries(Object.entries(config).map(([name, value]) => [name, shown(name, value)]))
}

/** How `users` finds the service, where no option says it. No settings of the service, so `config` lists none. */
export const readConnection = (environment: NodeJS.ProcessEnv = process.env) => ({
  url: environment.USER_ADMIN_URL || undefined,
  key: environment.USER_ADMIN_KEY?.trim() || undefined,
})

/** As a request carries it: a scheme, and what belongs to it. */
const AUTHORIZATION = /^[\w-]+ +[\x21-\x7e][\x20-\x7e]*$/

/**
 * What `compare` signs in with: values of the header `Authorization`. No settings of the service, so `config` lists none.
 * @throws ConfigError that names every variable that is missing or no such value; none is quoted
 */
export function readCredentials(environment: NodeJS.ProcessEnv = process.env) {
  const faults: string[] = []
  const read = (name: string): string => {
    const value = environment[name]?.trim() ?? ''
    if (!AUTHORIZATION.test(value))
      faults.push(`${name} must be a value of the header Authorization, such as: Token 9944b0…`)
    return value
  }
  const credentials = { django: read('DJANGO_AUTHORIZATION'), service: read('SERVICE_AUTHORIZATION') }
  if (faults.length > 0) throw new ConfigError(faults.join('\n'))
  return credentials
}
