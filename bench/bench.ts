/** What all scenarios of a run share. */
import { type Directory, makeDirectory, type Server } from './database.js'
import type { Options } from './options.js'
import { type Service, type ServiceName, startService } from './processes.js'
import type { Resources } from './resources.js'

export interface Bench {
  options: Options
  resources: Resources
  server: Server
  /** Temporary; PostgreSQL's user may enter it. */
  folder: string
  /** The compiled checkout. */
  build: string
  /** The database that most scenarios work on, made when it is first needed. */
  directory(): Promise<Directory>
  /** A service on it, started when it is first needed. */
  service(name: ServiceName): Promise<Service>
  /** Says what is going on. */
  say(text: string): void
}

type Parts = Omit<Bench, 'directory' | 'service'>

export function makeBench(parts: Parts): Bench {
  const { resources, server, options, build, folder, say } = parts
  let directory: Promise<Directory> | undefined
  const services = new Map<ServiceName, Promise<Service>>()
  const start = async (name: ServiceName) => {
    const { url } = await bench.directory()
    return startService(resources, { name, build, folder, databaseUrl: url })
  }
  const bench: Bench = {
    ...parts,
    directory: () => {
      if (directory === undefined) say(`loading ${options.users} users`)
      return (directory ??= makeDirectory(resources, server, 'directory', options.users))
    },
    service: (name) => {
      if (!services.has(name)) services.set(name, start(name))
      return services.get(name)!
    },
  }
  return bench
}
