/** The disk that PostgreSQL writes to is full, and has room again. */
import { spawnSync } from 'node:child_process'
import { openSync, closeSync, rmSync, writeSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { isAlive } from '../../src/db/embedded/os.js'
import { folder } from '../helpers/cli.js'
import { tellFigure } from './figures.js'
import { countAnswers, seconds } from './measures.js'
import { startOwnPostgres } from './postgres.js'
import { startWorld, underLoad } from './world.js'

const FULL_MS = 10_000
const DISK = '200m'

/** A file system that is small. @returns its folder; undefined where mounting is not permitted */
async function mountDisk(t: Test): Promise<string | undefined> {
  const place = await folder(t)
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK},mode=755`, 'tmpfs', place])
  if (status !== 0) return undefined
  t.teardown(() => spawnSync('umount', ['--lazy', place]))
  return place
}

/** Fills it to the last byte. */
function fill(file: string): void {
  const handle = openSync(file, 'w')
  for (const size of [1_048_576, 4_096]) {
    const block = Buffer.alloc(size, 1)
    try {
      while (writeSync(handle, block) === size);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    }
  }
  closeSync(handle)
}

const disk = await mountDisk(t)
if (disk === undefined) {
  console.error('skipped: a full disk, since mounting one is not permitted here')
  t.pass('nothing to be tested')
} else {
  t.test('it is full', (t) => testFullDisk(t, disk))
}

async function testFullDisk(t: Test, disk: string) {
  const postgres = await startOwnPostgres(t, { max_wal_size: '48MB', min_wal_size: '32MB' }, disk)
  const world = await startWorld(t, { databaseUrl: postgres.url })
  const filler = path.join(disk, 'filler')
  let hasEnded = false
  const { answers, normal } = await underLoad(t, world, async () => {
    fill(filler)
    await sleep(FULL_MS)
    t.equal((await world.request('GET', '/healthz')).status, 200, 'alive')
    rmSync(filler)
    // It may have found no room for its log: then it has crashed, and perhaps not recovered.
    hasEnded = !isAlive(postgres.pid())
    await postgres.start()
  })
  t.ok(
    answers.some(({ kind, status }) => kind === 'write' && status === 503),
    'there was no room for some',
  )
  tellFigure(t, {
    chapter: 'machine',
    fault: `The disk of PostgreSQL is full for ${seconds(FULL_MS)}`,
    promise: 'No process ends, no answer is a lie, normal within 2 s',
    figure: `${countAnswers(answers)}; PostgreSQL ${hasEnded ? 'ended, and was started again' : 'went on'}; normal after ${seconds(normal)}`,
  })
}
