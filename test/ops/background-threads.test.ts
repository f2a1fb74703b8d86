// The threads that hash make way for the one that answers.
import { readdir, readFile } from 'node:fs/promises'
import os from 'node:os'
import t from 'tap'
import { makePasswordEncoder } from '../../src/domain/passwords/registry.js'
import { lowerHashingPriority } from '../../src/ops/background-threads.js'

/** Of libuv's pool, by default. */
const THREADS = 4

/** How many threads of this process have a lowered priority. */
async function countLowered(): Promise<number> {
  const threads = await readdir('/proc/self/task')
  const stats = await Promise.all(
    // One that ends meanwhile has no file any more.
    threads.map((id) => readFile(`/proc/self/task/${id}/stat`, 'utf8').catch(() => ')')),
  )
  // The nineteenth field is the nice value; the second is a name in parentheses.
  return stats.filter((stat) => stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16] === '10').length
}

/** More than it takes on a busy machine: a hash's own threads live for some milliseconds. */
const MAX_HASHES = 100

t.test('hashing runs at a lower priority, the service does not', async (t) => {
  if (process.platform !== 'linux') return t.pass('Linux alone has priorities of threads')
  t.equal(await countLowered(), 0)
  await lowerHashingPriority(THREADS)
  t.equal(await countLowered(), THREADS, 'every thread of the pool')
  t.equal(os.getPriority(process.pid), 0, 'the one that answers')

  const { encode } = makePasswordEncoder({ hasher: 'argon2' })
  let most = THREADS
  for (let hashes = 0; most === THREADS && hashes < MAX_HASHES; hashes++) {
    let isHashed = false
    const hashing = encode('correct horse battery staple').finally(() => (isHashed = true))
    while (!isHashed) most = Math.max(most, await countLowered())
    await hashing
  }
  t.ok(most > THREADS, `threads that argon2 starts have it too: ${most}`)
})
