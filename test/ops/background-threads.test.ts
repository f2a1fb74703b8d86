// The threads that hash make way for the one that answers.
import { readdir, readFile, readlink } from 'node:fs/promises'
import os from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { makePasswordEncoder } from '../../src/domain/passwords/registry.js'
import { lowerHashingPriority } from '../../src/ops/background-threads.js'

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

t.test('hashing runs at a lower priority, the service does not', async (t) => {
  if (process.platform !== 'linux') return t.pass('Linux alone has priorities of threads')
  t.equal(await countLowered(), 0)
  await lowerHashingPriority()
  const pool = Number((await readlink('/proc/thread-self')).split('/').at(-1))
  t.equal(os.getPriority(pool), 10, 'a thread of the pool')
  t.equal(os.getPriority(process.pid), 0, 'the one that answers')

  const ofPool = await countLowered()
  const hashing = makePasswordEncoder({ hasher: 'argon2' }).encode('correct horse battery staple')
  let isHashed = false
  void hashing.then(() => (isHashed = true))
  let most = ofPool
  while (!isHashed) {
    most = Math.max(most, await countLowered())
    await sleep(1)
  }
  t.ok(most > ofPool, `threads that argon2 starts have it too: ${ofPool} at rest, ${most} while hashing`)
})
