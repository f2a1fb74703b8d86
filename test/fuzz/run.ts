/**
 * Fuzzes every operation of the published document: `npm run fuzz -- --runs 2000 --seed 1`. The exit status is not zero where
 * an answer was otherwise than the document says.
 */
import { parseArgs } from 'node:util'
import { Subject } from '../../src/contract/subject.js'
import { startService } from '../helpers/service.js'
import { fuzz } from './fuzz.js'

const USAGE = `Usage: npm run fuzz -- [--runs <number>] [--seed <number>] [--url <URL> --key <API key>]

  --runs  cases; 2000 by default
  --seed  what they are drawn from; the same seed draws the same cases. A new one by default, which is printed
  --url   a deployment to fuzz (or FUZZ_URL). By default the service is started on a database of its own
  --key   an API key of an active staff superuser of it (or FUZZ_KEY, which no process list shows)

In a deployment users and groups are made, changed and deleted; nothing else is touched.
`

/** Keys and tokens that nobody has, and what is no credential at all. */
const STRANGERS = [
  '',
  `Bearer uak_${'x'.repeat(43)}`,
  'Bearer',
  'Bearer uak_short',
  'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.',
  `Token ${'0'.repeat(40)}`,
  'Basic YWRtaW46YWRtaW4=',
  'Digest username="admin"',
]

interface Teardown {
  teardown(end: () => unknown): void
}

const { runs, seed, url, key } = readOptions()
const ends: (() => unknown)[] = []
try {
  const target =
    url === undefined
      ? await ownService({ teardown: (end) => ends.unshift(end) })
      : { url, key: key!, strangers: [] }
  console.log(`fuzzing ${target.url}: ${runs} cases, seed ${seed}`)
  const { failures, figures } = await fuzz(await Subject.open(target.url, target.key), {
    runs,
    seed,
    strangers: [...STRANGERS, ...target.strangers],
    salt: url === undefined ? String(seed) : undefined,
    report: (line) => console.log(line),
  })
  console.log(String(figures))
  console.log(failures === 0 ? 'nothing was violated' : `${failures} failed`)
  process.exitCode = failures === 0 ? 0 : 1
} finally {
  for (const end of ends) await end()
}

/** The production service, with people of whom nobody may come in. */
async function ownService(t: Teardown) {
  // What is hashed is not what is looked at, and takes most of the time.
  const service = await startService(t, { PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1' })
  const { key } = await service.makeCaller()
  const { key: inactive } = await service.makeCaller({ is_active: false })
  const expired = await service.makeKey(await service.makeUser({ is_staff: true, is_superuser: true }), {
    expiresAt: '2020-01-01T00:00:00Z',
  })
  return { url: service.url, key, strangers: [`Bearer ${inactive}`, `Bearer ${expired}`] }
}

function readOptions() {
  const text = { type: 'string' } as const
  try {
    const { values } = parseArgs({ options: { runs: text, seed: text, url: text, key: text } })
    const { FUZZ_URL: url = values.url, FUZZ_KEY: key = values.key } = process.env
    const runs = Number(values.runs ?? 2_000)
    const seed = Number(values.seed ?? Date.now() % 1_000_000)
    if (!Number.isSafeInteger(runs) || !Number.isSafeInteger(seed) || runs < 1) return leave(USAGE)
    if ((url === undefined) !== (key === undefined)) return leave(USAGE)
    return { runs, seed, url, key }
  } catch (error) {
    return leave(`${(error as Error).message}\n\n${USAGE}`)
  }
}

function leave(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(2)
}
