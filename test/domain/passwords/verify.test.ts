import bcrypt from 'bcrypt'
import t from 'tap'
import {
  identify,
  looksLikeStoredHash,
  makePasswordEncoder,
  verifyPassword,
} from '../../../src/domain/passwords/registry.js'
import { goldenHashes, goldenOf } from './golden.js'

const changed = (password: string): string => `${password.slice(0, -1)}\u0000`

t.test('every golden hash verifies, and a changed password does not', async (t) => {
  await Promise.all(
    goldenHashes.map(async ({ algorithm, password, encoded }) => {
      t.equal(identify(encoded)?.algorithm, algorithm)
      t.ok(looksLikeStoredHash(encoded), encoded)
      t.equal(await verifyPassword(password, encoded), true, `${encoded} verifies`)
      t.equal(await verifyPassword(changed(password), encoded), false, `${encoded} refuses`)
    }),
  )
})

t.test('a password is not normalised and not trimmed', async (t) => {
  const others = new Map([
    ['p\u0301w', '\u1e55w'],
    [' lead and trail ', 'lead and trail'],
  ])
  const goldens = goldenHashes.filter(
    ({ algorithm, password }) => algorithm === 'pbkdf2_sha1' && others.has(password),
  )
  t.equal(goldens.length, others.size)
  for (const { password, encoded } of goldens) {
    t.equal(await verifyPassword(others.get(password) ?? '', encoded), false)
  }
})

t.test('lone surrogates match nothing, though Node makes U+FFFD of them', async (t) => {
  const encoder = makePasswordEncoder({ hasher: 'pbkdf2_sha256', pbkdf2Iterations: 1 })
  const encoded = await encoder.encode('a\ufffd')
  t.equal(await verifyPassword('a\ufffd', encoded), true)
  for (const password of ['a\ud800', 'a\udfff']) t.equal(await verifyPassword(password, encoded), false)
})

t.test('the forms of bcrypt that other libraries write verify too', async (t) => {
  const sha256OfX = '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881'
  const made = await bcrypt.hash(sha256OfX, 4)
  for (const version of ['2a', '2b', '2y']) {
    const encoded = `bcrypt_sha256$${made.replace('$2b$', `$${version}$`)}`
    t.equal(await verifyPassword('x', encoded), true, version)
    t.equal(await verifyPassword('y', encoded), false, version)
  }
})

t.test('hashing leaves the event loop free', async (t) => {
  for (const algorithm of ['argon2', 'pbkdf2_sha256', 'pbkdf2_sha1', 'scrypt', 'bcrypt_sha256']) {
    const { password, encoded } = goldenOf(algorithm)
    t.ok((await turnsDuring(() => verifyPassword(password, encoded))) > 10, algorithm)
  }
})

/** How often the event loop turns while `work` goes on: twice at most where it blocks. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0
  let isOver = false
  const turn = (): void => {
    turns += 1
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  await work()
  isOver = true
  return turns
}
