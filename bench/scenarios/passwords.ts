import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench } from '../bench.js'
import { startChild } from '../children.js'
import { readResult } from '../load.js'
import { type Measurement, measure, median } from '../measure.js'
import type { Service } from '../processes.js'
import type { Scenario } from '../scenarios.js'
import { loadOn } from './contenders.js'

const CHANGES_A_SECOND = 64
const CONNECTIONS = 8

/** What became of the password changes. */
interface Sent {
  sent: number
  seconds: number
  /** Status → how many. */
  answers: Record<string, number>
}

/** Hashing must not hold up who only reads. */
export const passwords: Scenario = async (bench) => {
  const directory = await bench.directory()
  const service = await bench.service('ours')
  const load = {
    ...loadOn(directory, { method: 'GET' }),
    connections: CONNECTIONS,
    seconds: bench.options.seconds,
  }
  const [without, beside, sent]: [Measurement[], Measurement[], Sent[]] = [[], [], []]
  for (let round = 0; round < bench.options.rounds; round++) {
    without.push(await measure(bench, { service, directory }, load))
    const end = await sendPasswords(bench, service)
    beside.push(await measure(bench, { service, directory }, load))
    sent.push(await end())
    bench.say(
      `${round + 1}/${bench.options.rounds}  GET p99 ${without.at(-1)!.p99} ms, ${beside.at(-1)!.p99} beside`,
    )
  }
  const rows = [rowOf('alone', without, []), rowOf('beside password changes', beside, sent)]
  return {
    sections: [{ title: 'GET beside password changes', about: ABOUT, head: HEAD, rows }],
    figures: { passwords: p99(beside) / p99(without) },
  }
}

const p99 = (measurements: Measurement[]) => median(measurements.map((measurement) => measurement.p99))

const HEAD = [
  'GET at 8 connections',
  'requests/s',
  'p50 ms',
  'p99 ms',
  'passwords changed a second',
  'shed with 503',
]

const ABOUT =
  `GET of random users at ${CONNECTIONS} connections, while ${CHANGES_A_SECOND} requests a second change ` +
  'passwords (argon2id at the parameters of Django: 100 MB, 2 passes, 8 lanes). ' +
  'More than the machine can hash is shed.'

/** Sends password changes until the function that is returned is called. */
async function sendPasswords(bench: Bench, service: Service): Promise<() => Promise<Sent>> {
  const { resources, build, folder } = bench
  const { users, superuserKey } = await bench.directory()
  const output = path.join(folder, `passwords-${Date.now()}.log`)
  const args = [service.origin, superuserKey, String(CHANGES_A_SECOND), String(users)]
  const command = [path.join(build, 'bench/load/steady.js'), ...args]
  const child = await startChild(resources, process.execPath, command, { cwd: folder, env: {}, output })
  // So that the queue is full before anything is measured.
  await sleep(1_000)
  return async () => {
    await child.stop()
    const sent = readResult<Sent>(await readFile(output, 'utf8'))
    checkAnswers(sent)
    return sent
  }
}

/** @throws Error where a password change got another answer than done, or too busy */
function checkAnswers({ answers }: Sent): void {
  const others = Object.keys(answers).filter((status) => status !== '200' && status !== '503')
  if (others.length > 0) throw new Error(`password changes were answered with ${others.join(', ')}`)
}

function rowOf(name: string, measurements: Measurement[], sent: Sent[]): string[] {
  const perSecond = (status: string) =>
    sent.length === 0
      ? '–'
      : median(sent.map(({ answers, seconds }) => (answers[status] ?? 0) / seconds)).toFixed(1)
  return [
    name,
    Math.round(median(measurements.map(({ requestsPerSecond }) => requestsPerSecond))).toString(),
    median(measurements.map(({ p50 }) => p50)).toFixed(2),
    p99(measurements).toFixed(2),
    perSecond('200'),
    perSecond('503'),
  ]
}
