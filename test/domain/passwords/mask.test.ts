import t from 'tap'
import { isMaskShaped, maskOf } from '../../../src/domain/passwords/mask.js'
import { anyText } from './any-text.js'
import { goldenHashes } from './golden.js'
import fc from '../../helpers/seeded-properties.js'

const ALGORITHMS = [
  'pbkdf2_sha256',
  'pbkdf2_sha1',
  'argon2',
  'bcrypt_sha256',
  'bcrypt',
  'scrypt',
  'sha1',
  'md5',
  'unsalted_sha1',
  'unsalted_md5',
  'crypt',
]

t.test('a mask names the algorithm', async (t) => {
  for (const { algorithm, encoded } of goldenHashes) t.equal(maskOf(encoded), `${algorithm}$********`)
  for (const algorithm of ALGORITHMS) t.equal(maskOf(`${algorithm}$$x`), `${algorithm}$********`)
})

t.test('an unusable password has the mask of its own', async (t) => {
  for (const encoded of ['!', '!HmSPvvQCDRRUvnUTb8Xvc3zJ2gcaZPTzHAxwQRXE', '!plain', '!argon2$x']) {
    t.equal(maskOf(encoded), '!')
  }
})

t.test('anything else is unknown', async (t) => {
  for (const encoded of [
    '',
    '$',
    'hunter2',
    'argon2',
    'crypt',
    'hunter2$',
    'my$ecret',
    '$argon2$x',
    ' argon2$x',
    'Argon2$x',
    'argon2 $x',
    'constructor$x',
    '5f4dcc3b5aa765d61d8327deb882cf99',
    '$2b$12$abc',
    '{SSHA}abc$',
  ]) {
    t.equal(maskOf(encoded), 'unknown$********', encoded)
  }
})

t.test('a mask tells nothing but the algorithm', async () => {
  const masks = new Set(['!', ...[...ALGORITHMS, 'unknown'].map((algorithm) => `${algorithm}$********`)])
  const stored = fc.oneof(
    anyText(),
    fc.tuple(fc.constantFrom(...ALGORITHMS), fc.string()).map((parts) => parts.join('')),
    fc.tuple(fc.constantFrom(...ALGORITHMS), fc.string()).map((parts) => parts.join('$')),
    fc.string().map((text) => `!${text}`),
  )
  fc.assert(fc.property(stored, (encoded) => masks.has(maskOf(encoded)) && isMaskShaped(maskOf(encoded))))
  const prefix = fc.constantFrom(...ALGORITHMS, 'x')
  fc.assert(
    fc.property(
      prefix,
      fc.string(),
      fc.string(),
      (algorithm, one, other) => maskOf(`${algorithm}$${one}`) === maskOf(`${algorithm}$${other}`),
    ),
  )
  // Long enough that it can't be in a mask by chance.
  const secret = fc.string({ minLength: 3 }).filter((text) => !/^[*$]+$/.test(text) && !text.startsWith('!'))
  fc.assert(
    fc.property(
      fc.constantFrom(...ALGORITHMS),
      secret,
      (algorithm, text) =>
        [...masks].some((mask) => mask.includes(text)) ||
        (!maskOf(`${algorithm}$${text}`).includes(text) && !maskOf(text).includes(text)),
    ),
  )
})

t.test('what has the form of a mask', async (t) => {
  for (const value of ['!', 'argon2$********', 'unknown$********', 'x_9$********']) {
    t.ok(isMaskShaped(value), value)
  }
  for (const value of [
    '',
    '!!',
    '!x',
    '********',
    '$********',
    'argon2$*******',
    'argon2$*********',
    'argon2$********\n',
    '\nargon2$********',
    ' argon2$********',
    'Argon2$********',
    'argon-2$********',
    'a$b$********',
    'argon2********',
  ]) {
    t.notOk(isMaskShaped(value), value)
  }
})
