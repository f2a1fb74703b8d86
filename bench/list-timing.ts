/** What a list costs PostgreSQL, and what its client waits for. */
import { performance } from 'node:perf_hooks'
import type { Bench } from './bench.js'
import type { Directory } from './database.js'
import type { ListCase } from './list-cases.js'
import { median } from './measure.js'
import { residentOf } from './proc.js'
import type { Service } from './processes.js'
import { recordGet } from './recording.js'

const REPETITIONS = 15

export interface Timing {
  /** Milliseconds of planning and running all statements of a request, as PostgreSQL has them. */
  inDatabase: number
  /** Milliseconds until the client has the whole answer. */
  overHttp: number
  slowest: number
}

export async function timeList(directory: Directory, service: Service, { url }: ListCase): Promise<Timing> {
  // Others begin and end a transaction: nothing to explain.
  const sent = (await recordGet(directory, url)).filter(({ sql }) => /^select/i.test(sql))
  const inDatabase: number[] = []
  const overHttp: number[] = []
  const client = await directory.pool.connect()
  try {
    for (let n = 0; n < REPETITIONS; n++) {
      let took = 0
      for (const { sql, values } of sent) {
        const { rows } = await client.query(`explain (analyze, timing off, format json) ${sql}`, values)
        const [plan] = rows[0]['QUERY PLAN']
        took += plan['Planning Time'] + plan['Execution Time']
      }
      inDatabase.push(took)
      const began = performance.now()
      await ask(service, directory, url)
      overHttp.push(performance.now() - began)
    }
  } finally {
    client.release()
  }
  return { inDatabase: median(inDatabase), overHttp: median(overHttp), slowest: Math.max(...overHttp) }
}

/** Resident megabytes of a service while somebody reads a list. */
export interface Walk {
  users: number
  seconds: number
  start: number
  /** After a tenth of it. */
  tenth: number
  highest: number
  end: number
}

/** Reads all users page by page, as a consumer would. @throws Error where it did not get each of them once */
export async function walkList({ say }: Bench, directory: Directory, service: Service): Promise<Walk> {
  const resident = async () => (await residentOf(service.child.pid)) / 1e6
  const samples = [await resident()]
  const began = performance.now()
  let users = 0
  let last = 0
  for (let url: string | null = '/admin/users/?cursor=&page_size=1000'; url !== null;) {
    const { next, results } = await ask(service, directory, url)
    for (const { id } of results) {
      if (id <= last) throw new Error(`user ${id} came after user ${last}`)
      last = id
    }
    users += results.length
    url = next === null ? null : new URL(next).pathname + new URL(next).search
    samples.push(await resident())
    if (samples.length % 100 === 0) say(`read ${users} users, ${Math.round(samples.at(-1)!)} MB`)
  }
  if (users !== directory.users) throw new Error(`${users} of ${directory.users} users were read`)
  const seconds = (performance.now() - began) / 1_000
  const tenth = samples[Math.floor(samples.length / 10)]!
  return { users, seconds, start: samples[0]!, tenth, highest: Math.max(...samples), end: samples.at(-1)! }
}

interface Answer {
  next: string | null
  results: { id: number }[]
}

async function ask(service: Service, { superuserKey }: Directory, url: string): Promise<Answer> {
  const response = await fetch(service.origin + url, { headers: { authorization: `Bearer ${superuserKey}` } })
  if (response.status !== 200) throw new Error(`${url} was answered with ${response.status}`)
  return (await response.json()) as Answer
}
