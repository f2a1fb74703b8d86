/** The services that are measured, each a process of its own, compiled. */
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readFile } from 'node:fs/promises'
import { freePort } from '../test/helpers/free-port.js'
import { type Child, startChild } from './children.js'
import type { Resources } from './resources.js'

const START_TIMEOUT_MS = 60_000

export interface Service {
  name: ServiceName
  origin: string
  child: Child
  /** The file that holds what it wrote. */
  output: string
}

/** Peers beside which ours is measured, and ours. The logged one writes a line a request to a file. */
const SERVICES = {
  floor: { entry: ['bench/peers/floor.js'], logLevel: undefined },
  ordinary: { entry: ['bench/peers/ordinary.js'], logLevel: undefined },
  ours: { entry: ['src/cli/main.js', 'start'], logLevel: 'warn' },
  'ours, logging': { entry: ['src/cli/main.js', 'start'], logLevel: 'info' },
  mock: { entry: ['src/cli/main.js', 'mock'], logLevel: undefined },
} as const satisfies Record<string, { entry: string[]; logLevel: string | undefined }>

export type ServiceName = keyof typeof SERVICES

export const isOurs = (name: ServiceName): boolean => name.startsWith('ours')

export interface ServiceOptions {
  name: ServiceName
  /** The compiled checkout. */
  build: string
  /** Where it may write. */
  folder: string
  /** None: it runs its own. */
  databaseUrl?: string | undefined
}

/** Starts a service. It does not listen yet. */
export async function launchService(resources: Resources, options: ServiceOptions): Promise<Service> {
  const { name, build, folder, databaseUrl } = options
  const { entry, logLevel } = SERVICES[name]
  const port = await freePort()
  const output = path.join(folder, `${name.replace(/\W+/g, '-')}-${port}.log`)
  const [file, ...args] = entry
  const env = {
    PATH: process.env.PATH ?? '',
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    PORT: String(port),
    DATA_DIR: path.join(folder, 'data'),
    ...(logLevel !== undefined && { LOG_LEVEL: logLevel }),
    ...(databaseUrl !== undefined && { DATABASE_URL: databaseUrl }),
  }
  // A mock has addresses of its own.
  const command = [path.join(build, file), ...args, ...(name === 'mock' ? ['--port', String(port)] : [])]
  const child = await startChild(resources, process.execPath, command, { cwd: folder, env, output })
  return { name, origin: `http://127.0.0.1:${port}`, child, output }
}

/** Starts a service, and waits until it answers. */
export async function startService(resources: Resources, options: ServiceOptions): Promise<Service> {
  const service = await launchService(resources, options)
  await untilAnswers(service, '/', () => true)
  return service
}

/** Waits until the service answers with a status that is wanted. */
export async function untilAnswers(
  service: Service,
  url: string,
  isWanted: (status: number) => boolean,
): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS
  while (Date.now() < deadline && !service.child.hasEnded()) {
    const status = await fetch(service.origin + url).then(
      async (response) => {
        await response.arrayBuffer()
        return response.status
      },
      () => undefined,
    )
    if (status !== undefined && isWanted(status)) return
    await sleep(5)
  }
  const said = await readFile(service.output, 'utf8').catch(() => '')
  throw new Error(`${service.name} does not answer:\n${said.slice(-2_000)}`)
}
