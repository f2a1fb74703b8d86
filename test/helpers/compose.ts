/** The docker-compose.yml of `examples/two-replicas`, as Docker would read it. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parse } from 'yaml'

const FILE = path.resolve(import.meta.dirname, '../../examples/two-replicas/docker-compose.yml')

/** What is looked at of a service. */
export interface ComposeService {
  image?: string
  build?: string
  command?: string[]
  environment: Record<string, string>
  depends_on?: Record<string, { condition: string }>
  healthcheck?: { test: string[] }
  stop_grace_period?: string
  ports?: string[]
  volumes?: string[]
}

export const EXAMPLE = path.dirname(FILE)

export const readExample = (): { services: Record<string, ComposeService> } =>
  parse(readFileSync(FILE, 'utf8'), { merge: true })
