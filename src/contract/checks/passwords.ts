/** Passwords are written and never read. */
import { type Checks, NEEDS_SPARE } from '../world.js'
import { codesOf, hopeless } from './updating.js'

const MASK = /^(?:[a-z0-9_]+\$\*{8}|!)$/

const HASHES = [
  'argon2$argon2id$v=19$m=102400,t=2,p=8$c29tZXNhbHRzb21lc2FsdHNv$GpZ3sK/oH9p7VIiV56G/6w',
  'pbkdf2_sha256$260000$salt$YlZ2Vggtqdc61YjArZuoApoBh9JNGYoDRBUGu6tcJQo=',
  '!HmSPvvQCDRRUvnUTb8Xvc3zJ2gcaZPTzHAxwQRXE',
]

export const passwords: Checks = {
  async 'what is read is an algorithm and a mask'(t, { own, spare }) {
    for (const account of [own, ...(spare ? [spare] : [])]) t.match((await account.user()).password, MASK)
  },

  async 'the mask of the user changes nothing'(t, { own }) {
    const { status, body } = await own.update({ password: own.original.password })
    t.strictSame([status, body], [200, own.original])
  },

  async 'any other mask is refused, and so is a stored hash'(t, { own }) {
    const masks = ['argon2', 'pbkdf2_sha256', 'scrypt', 'md5', 'unknown', 'nothing'].map(
      (name) => `${name}$********`,
    )
    for (const password of ['!', ...masks, ...HASHES].filter(
      (password) => password !== own.original.password,
    )) {
      const { status, body } = await own.update(hopeless('password', password))
      t.strictSame([status, codesOf('password', body)?.length], [400, 1], password)
      t.notOk(JSON.stringify(body).includes(password), 'and not quoted')
    }
    t.strictSame(await own.user(), own.original)
  },

  async 'its length is that of the contract'(t, { own }) {
    const tests: [unknown, string][] = [
      ['', 'blank'],
      ['x'.repeat(129), 'max_length'],
      ['𝒳'.repeat(129), 'max_length'],
      ['a\u0000b', 'invalid'],
      ['\ud800', 'invalid'],
      [null, 'null'],
      [12345678, 'invalid_type'],
      [['secret'], 'invalid_type'],
    ]
    for (const [password, code] of tests) {
      const { status, body, text } = await own.update(hopeless('password', password))
      t.strictSame([status, codesOf('password', body)], [400, [code]], code)
      t.notOk(String(password).length > 4 && text.includes(String(password)), 'and it is not quoted')
    }
  },

  async 'a new one is hashed, and shown to nobody'(t, { spare }) {
    if (spare === undefined) return void t.pass('', NEEDS_SPARE)
    for (const password of [
      'correct horse battery staple',
      'x',
      ' spaced ',
      '𝒳'.repeat(128),
      '********',
      '$',
      'argon2$',
    ]) {
      const { status, body, text } = await spare.update({ password })
      t.equal(status, 200, password.slice(0, 30))
      t.match(body.password, /^(?:argon2|pbkdf2_sha256)\$\*{8}$/)
      t.notOk(password.length > 8 && text.includes(password))
    }
    const { password } = await spare.user()
    const again = await spare.update({ password })
    t.strictSame([again.status, again.body.password], [200, password], 'the new mask is known')
  },
}
