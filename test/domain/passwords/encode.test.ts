import t from 'tap'
import { maskOf } from '../../../src/domain/passwords/mask.js'
import {
  looksLikeStoredHash,
  makePasswordEncoder,
  verifyPassword,
} from '../../../src/domain/passwords/registry.js'
import { anyText } from './any-text.js'
import fc from '../../helpers/seeded-properties.js'

const ARGON2 = /^argon2\$argon2id\$v=19\$m=102400,t=2,p=8\$([A-Za-z0-9+/]{30})\$([A-Za-z0-9+/]{22})$/
const ARGON2_LONG = /^argon2\$argon2id\$v=19\$m=102400,t=2,p=8\$([A-Za-z0-9+/]{30})\$([A-Za-z0-9+/]{43})$/
const PBKDF2 = /^pbkdf2_sha256\$1000000\$[A-Za-z0-9]{22}\$[A-Za-z0-9+/]{43}=$/

const argon2 = makePasswordEncoder({ hasher: 'argon2' })
const fastPbkdf2 = makePasswordEncoder({ hasher: 'pbkdf2_sha256', pbkdf2Iterations: 2 })

t.test("argon2 has exactly the shape of Django's", async (t) => {
  const encoded = await argon2.encode('s3cret-Pass phrase')
  t.match(encoded, ARGON2)
  t.equal(encoded.length, 91)
  const salt = Buffer.from(ARGON2.exec(encoded)?.[1] ?? '', 'base64').toString('latin1')
  t.match(salt, /^[A-Za-z0-9]{22}$/, 'a salt as Django draws it')
  t.equal(maskOf(encoded), 'argon2$********')
  t.equal(await verifyPassword('s3cret-Pass phrase', encoded), true)
  t.equal(await verifyPassword('s3cret-Pass phrasf', encoded), false)
})

t.test('argon2 with the digest of a newer argon2-cffi', async (t) => {
  const encoded = await makePasswordEncoder({ hasher: 'argon2', argon2HashLength: 32 }).encode('x')
  t.match(encoded, ARGON2_LONG)
  t.equal(encoded.length, 112)
  t.equal(await verifyPassword('x', encoded), true)
})

t.test("pbkdf2 has exactly the shape of Django 5.2's", async (t) => {
  const encoded = await makePasswordEncoder({ hasher: 'pbkdf2_sha256' }).encode('s3cret-Pass phrase')
  t.match(encoded, PBKDF2)
  t.ok(encoded.length < 128)
  t.equal(await verifyPassword('s3cret-Pass phrase', encoded), true)
})

t.test('pbkdf2 iterations have bounds, the same as for reading', async (t) => {
  for (const pbkdf2Iterations of [0, -1, 1.5, NaN, 5_000_001, Infinity]) {
    t.throws(() => makePasswordEncoder({ hasher: 'pbkdf2_sha256', pbkdf2Iterations }), RangeError)
  }
  t.match(await fastPbkdf2.encode('x'), /^pbkdf2_sha256\$2\$/)
  t.doesNotThrow(() => makePasswordEncoder({ hasher: 'pbkdf2_sha256', pbkdf2Iterations: 5_000_000 }))
})

t.test('every salt is fresh', async (t) => {
  const made = await Promise.all(Array.from({ length: 200 }, () => fastPbkdf2.encode('x')))
  t.equal(new Set(made).size, made.length)
})

t.test('a password without a UTF-8 form is an error that does not show it', async (t) => {
  for (const encoder of [argon2, fastPbkdf2]) {
    await t.rejects(encoder.encode('secret\ud800'), { name: 'TypeError', message: /^(?!.*secret)/ })
  }
})

t.test('any password makes a round trip', async () => {
  const password = anyText({ minLength: 1, maxLength: 64 })
  await fc.assert(
    fc.asyncProperty(password, password, async (chosen, other) => {
      const encoded = await fastPbkdf2.encode(chosen)
      return (
        looksLikeStoredHash(encoded) &&
        (await verifyPassword(chosen, encoded)) &&
        (chosen === other || !(await verifyPassword(other, encoded)))
      )
    }),
    { numRuns: 100 },
  )
  await fc.assert(
    fc.asyncProperty(password, async (chosen) => {
      const encoded = await argon2.encode(chosen)
      return ARGON2.test(encoded) && (await verifyPassword(chosen, encoded))
    }),
    { numRuns: 3 },
  )
})

t.test('encoding leaves the event loop free', async (t) => {
  const slowPbkdf2 = makePasswordEncoder({ hasher: 'pbkdf2_sha256', pbkdf2Iterations: 200_000 })
  for (const encoder of [argon2, slowPbkdf2]) {
    let turns = 0
    const turn = (): void => {
      turns += 1
      timer = setImmediate(turn)
    }
    let timer = setImmediate(turn)
    await encoder.encode('x')
    clearImmediate(timer)
    t.ok(turns > 10, `${encoder.algorithm}: ${turns} turns`)
  }
})
