import t from 'tap'
import { identify, looksLikeStoredHash, verifyPassword } from '../../../src/domain/passwords/registry.js'
import { measureCpu } from '../../helpers/cpu-time.js'
import { anyText } from './any-text.js'
import { goldenOf } from './golden.js'
import fc from '../../helpers/seeded-properties.js'

const argon2 = (parameters: string): string =>
  goldenOf('argon2').encoded.replace('m=102400,t=2,p=8', parameters)
const pbkdf2 = (iterations: string): string => goldenOf('pbkdf2_sha256').encoded.replace('260000', iterations)
const pbkdf2Sha1 = (iterations: string): string =>
  goldenOf('pbkdf2_sha1').encoded.replace('260000', iterations)
const bcrypt = (cost: string): string => goldenOf('bcrypt_sha256').encoded.replace('$12$', `$${cost}$`)
const scrypt = (cost: string, blockSize: string, parallelism: string): string =>
  goldenOf('scrypt').encoded.replace('$16384$', `$${cost}$`).replace('$8$1$', `$${blockSize}$${parallelism}$`)

const tooDear = [
  argon2('m=524289,t=1,p=1'),
  argon2('m=4294967295,t=1,p=1'),
  argon2('m=102400,t=17,p=8'),
  argon2('m=102400,t=2,p=17'),
  argon2('m=524288,t=5,p=1'),
  pbkdf2('5000001'),
  pbkdf2('9999999999'),
  pbkdf2Sha1('5000001'),
  scrypt('524288', '8', '1'),
  scrypt('16384', '129', '1'),
  scrypt('16384', '8', '17'),
  scrypt('262144', '8', '5'),
  scrypt('2', '9999999999', '1'),
  bcrypt('16'),
  bcrypt('31'),
]

// Well formed, but no algorithm runs with these.
const impossible = [
  argon2('m=63,t=1,p=8'),
  scrypt('1', '8', '1'),
  scrypt('16383', '8', '1'),
  scrypt('65536', '1', '1'),
]

/** What Django wrote once: known for what it is, and verified by nobody here. */
const former = [
  goldenOf('bcrypt_sha256').encoded.replace('bcrypt_sha256$', 'bcrypt$'),
  'md5$salt$5f4dcc3b5aa765d61d8327deb882cf99',
  'sha1$$da39a3ee5e6b4b0d3255bfef95601890afd80709',
]

const malformed = [
  '',
  '$',
  '!',
  '*',
  'x',
  '$$$',
  'argon2',
  'argon2$',
  'argon2$$',
  'constructor$x',
  '__proto__$x',
  argon2('m=0,t=2,p=8'),
  argon2('m=102400,t=0,p=8'),
  argon2('m=102400,t=2,p=0'),
  argon2('m=102400,t=2'),
  argon2('t=2,m=102400,p=8'),
  argon2('m=-1,t=2,p=8'),
  argon2('m=1e5,t=2,p=8'),
  argon2('m=102400,t=2,p=8,data=AAAA'),
  argon2('m=99999999999,t=2,p=8'),
  goldenOf('argon2').encoded.replace('argon2id', 'argon2x'),
  goldenOf('argon2').encoded.replace('v=19', 'v=18'),
  goldenOf('argon2').encoded.replace('argon2$', 'scrypt$'),
  `${goldenOf('argon2').encoded}==`,
  // One character more can't be Base64; another last one has bits that no encoder sets.
  `${goldenOf('argon2').encoded}AAA`,
  goldenOf('argon2').encoded.replace(/.$/, 'h'),
  pbkdf2('0'),
  pbkdf2('-1'),
  pbkdf2('01'),
  pbkdf2('1e3'),
  pbkdf2('0x10'),
  pbkdf2(' 1'),
  pbkdf2('1_000'),
  pbkdf2(''),
  pbkdf2('99999999999'),
  goldenOf('pbkdf2_sha256').encoded.replace('pbkdf2_sha256', 'pbkdf2_sha1'),
  goldenOf('pbkdf2_sha1').encoded.replace('pbkdf2_sha1', 'pbkdf2_sha256'),
  goldenOf('pbkdf2_sha256').encoded.replace(/\$\w{22}\$/, '$$$$'),
  scrypt('0', '8', '1'),
  scrypt('16384', '0', '1'),
  scrypt('16384', '8', '0'),
  scrypt('16384', '8', '1.5'),
  bcrypt('3'),
  bcrypt('03'),
  bcrypt('32'),
  bcrypt('99'),
  bcrypt('-1'),
  goldenOf('bcrypt_sha256').encoded.replace('$2b$', '$2x$'),
  goldenOf('bcrypt_sha256').encoded.slice(0, -1),
  ...former,
  '!HmSPvvQCDRRUvnUTb8Xvc3zJ2gcaZPTzHAxwQRXE',
  goldenOf('pbkdf2_sha256').encoded.replace(/\$\w{22}\$/, `$$${'a'.repeat(300)}$$`),
  `argon2$${'a'.repeat(1_000_000)}`,
]

t.test('a cost beyond the bounds is refused without being spent', async (t) => {
  const { cpuMs } = await measureCpu(async () => {
    for (const encoded of tooDear) {
      t.ok(looksLikeStoredHash(encoded), `${encoded} is a stored hash all the same`)
      t.equal(await verifyPassword('x', encoded), false, encoded)
      t.equal(await identify(encoded)?.verify('x', encoded), false, 'by its format itself')
    }
  })
  // The least of them costs more than a second.
  t.ok(cpuMs < 1_000, `${cpuMs} ms of CPU`)
})

t.test('parameters that an algorithm cannot have are refused', async (t) => {
  for (const encoded of impossible) {
    t.ok(looksLikeStoredHash(encoded), `${encoded} is a stored hash all the same`)
    t.equal(await identify(encoded)?.verify('x', encoded), false, encoded)
  }
})

t.test('what is malformed, unknown or unusable is refused', async (t) => {
  for (const encoded of malformed) {
    const name = encoded.slice(0, 120)
    for (const password of ['s3cret-Pass phrase', encoded, '']) {
      t.equal(await verifyPassword(password, encoded), false, name)
    }
    t.equal((await identify(encoded)?.verify('s3cret-Pass phrase', encoded)) ?? false, false, name)
  }
})

t.test('what the bounds admit is verified', async (t) => {
  const dear = [scrypt('262144', '8', '1'), argon2('m=128,t=16,p=16')]
  const cheap = [scrypt('2', '1', '16'), argon2('m=8,t=1,p=1'), bcrypt('04'), pbkdf2('1'), pbkdf2Sha1('1')]
  for (const encoded of [...dear, ...cheap]) {
    // Resolves rather than rejects: the library takes these parameters.
    t.equal(await identify(encoded)?.verify('x', encoded), false, encoded)
  }
})

t.test('nothing that is stored makes verification throw', async () => {
  const piece = fc.oneof(
    fc.constantFrom('argon2', 'pbkdf2_sha256', 'pbkdf2_sha1', 'scrypt', 'bcrypt_sha256', '$', '$2b$', 'v=19'),
    fc.constantFrom('argon2id', 'm=8,t=1,p=1', 'm=999999999999,t=1,p=1'),
    fc.constantFrom('1', '2', '16', '0', '', '-1', 'NaN'),
    fc.base64String({ maxLength: 90 }),
    anyText({ maxLength: 20 }),
  )
  const stored = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join('$'))
  await fc.assert(
    fc.asyncProperty(
      anyText(),
      stored,
      async (password, encoded) => (await verifyPassword(password, encoded)) === false,
    ),
    { numRuns: 300 },
  )
})

t.test('what looks like a stored hash, and what is only a password', async (t) => {
  t.ok(looksLikeStoredHash(`!${'aZ09'.repeat(10)}`), 'the unusable form')
  for (const value of former) t.ok(looksLikeStoredHash(value), value)
  for (const value of [
    '!',
    `!${'a'.repeat(39)}`,
    `!${'a'.repeat(41)}`,
    `!${'a'.repeat(39)}-`,
    `!${'a'.repeat(40)}\n`,
    'argon2$********',
    'correct horse battery staple',
    'pbkdf2_sha256$',
    ...malformed.filter((value) => !/^![A-Za-z0-9]{40}$/.test(value) && !former.includes(value)),
  ]) {
    t.notOk(looksLikeStoredHash(value), value.slice(0, 120))
  }
  t.notOk(looksLikeStoredHash(`${goldenOf('argon2').encoded}\n`), 'a hash and more')
  t.notOk(looksLikeStoredHash(` ${goldenOf('argon2').encoded}`), 'more and a hash')
})
