/** What each kind of value may be, and what becomes of it. */
import type { Test } from '../assertions.js'
import { CONTRACT, USERNAMES } from '../contract.js'
import type { Account } from '../subject.js'
import { type Checks, NEEDS_SPARE } from '../world.js'
import { codesOf, hopeless, pointers } from './updating.js'

const INSTANTS: [sent: string, kept: string][] = [
  ['2024-02-29T08:30:00Z', '2024-02-29T08:30:00Z'],
  ['2024-02-29T08:30:00.000000Z', '2024-02-29T08:30:00Z'],
  ['2024-02-29T08:30:00.000001Z', '2024-02-29T08:30:00.000001Z'],
  ['2024-02-29T08:30:00.123456Z', '2024-02-29T08:30:00.123456Z'],
  ['2024-02-29T08:30:00.1Z', '2024-02-29T08:30:00.100000Z'],
  ['2024-02-29T08:30:00.999999999Z', '2024-02-29T08:30:00.999999Z'],
  ['2024-02-29T10:30:00.5+02:00', '2024-02-29T08:30:00.500000Z'],
  ['2024-02-29T00:00:00-05:45', '2024-02-29T05:45:00Z'],
  ['2024-12-31T23:30:00-01:00', '2025-01-01T00:30:00Z'],
  ['2024-03-01T00:30:00+01:00', '2024-02-29T23:30:00Z'],
  ['1969-12-31T23:59:59.999999Z', '1969-12-31T23:59:59.999999Z'],
  ['1883-11-18T12:00:00Z', '1883-11-18T12:00:00Z'],
  ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00Z'],
  ['9999-12-31T23:59:59.999999Z', '9999-12-31T23:59:59.999999Z'],
]

const NO_INSTANTS = [
  '',
  ' ',
  'now',
  'infinity',
  '-infinity',
  'epoch',
  '2024-02-29',
  '08:30:00Z',
  '2024-02-29T08:30:00',
  '2024-02-30T08:30:00Z',
  '2023-02-29T08:30:00Z',
  '2024-13-01T00:00:00Z',
  '2024-00-01T00:00:00Z',
  '2024-01-00T00:00:00Z',
  '2024-02-29T24:00:00Z',
  '2024-02-29T08:60:00Z',
  '2016-12-31T23:59:60Z',
  '2024-02-29T08:30:00+24:00',
  '2024-02-29T08:30:00+02:60',
  '2024-02-29T08:30:00+02',
  '2024-02-29T08:30:00.Z',
  '2024-02-29T08:30Z',
  '24-02-29T08:30:00Z',
  '10000-01-01T00:00:00Z',
  '0000-12-31T00:00:00Z',
  '0001-01-01T00:00:00+00:01',
  '9999-12-31T23:59:59-00:01',
  '+2024-02-29T08:30:00Z',
  '2024-02-29T08:30:00Z ',
  '2024-02-29T08:30:00Z\u0000',
  '2024-02-29T08:30:00Z; drop table',
  '２024-02-29T08:30:00Z',
]

const EMAILS: [sent: string, kept: string][] = [
  ['', ''],
  ['ada@example.com', 'ada@example.com'],
  ['Ada.Lovelace+tag@EXAMPLE.Com', 'Ada.Lovelace+tag@example.com'],
  [' ada@example.com\t', 'ada@example.com'],
  ['"quoted@local"@example.com', '"quoted@local"@example.com'],
  ['ada@localhost', 'ada@localhost'],
  ['ada@[127.0.0.1]', 'ada@[127.0.0.1]'],
  [`${'a'.repeat(242)}@example.com`, `${'a'.repeat(242)}@example.com`],
]

const NO_EMAILS = [
  'ada',
  'ada@',
  '@example.com',
  'ada@example',
  'a b@example.com',
  'ada@exam ple.com',
  'ada@example..com',
  'ada@-example.com',
  'ada@@example.com',
  'ada@example.com\u0000',
  'ada@example.com\nbcc: all@example.com',
  `${'a'.repeat(243)}@example.com`,
  '\ud800@example.com',
  'ada@[999.0.0.1]',
  'Ada <ada@example.com>',
]

export const fields: Checks = {
  async 'date-times are kept to the microsecond, in UTC'(t, { own }) {
    for (const field of ['last_login', 'date_joined']) {
      if (own.canPutBack(field)) await kept(t, own, field, INSTANTS)
      await refused(t, own, field, NO_INSTANTS)
    }
  },

  async 'only `last_login` may be null'(t, { own }) {
    if (own.canPutBack('last_login')) {
      t.equal((await own.update({ last_login: '2024-02-29T08:30:00Z' })).status, 200)
      const { status, body } = await own.update({ last_login: null })
      t.strictSame([status, body.last_login], [200, null])
      t.equal((await own.user()).last_login, null)
    }
    const others = Object.keys(CONTRACT).filter((field) => field !== 'last_login')
    for (const field of others) {
      const { status, body } = await own.update(hopeless(field, null))
      t.strictSame([status, codesOf(field, body)], [400, ['null']], field)
    }
  },

  async 'types are strict: nothing is converted'(t, { own }) {
    const values: unknown[] = [
      0,
      1,
      1.5,
      true,
      false,
      'true',
      'false',
      '1',
      '0',
      'on',
      '',
      [],
      {},
      [1.5],
      ['1'],
      [true],
      [[]],
      [{}],
    ]
    for (const [field, { type }] of Object.entries(CONTRACT)) {
      for (const value of values.filter((value) => !fits(type, value))) {
        const { status, body } = await own.update(hopeless(field, value))
        t.strictSame([status, codesOf(field, body)?.length], [400, 1], `${field}: ${JSON.stringify(value)}`)
      }
    }
    t.strictSame(await own.user(), own.original)
  },

  async 'e-mail addresses are those of Django'(t, { own }) {
    if (own.canPutBack('email')) await kept(t, own, 'email', EMAILS)
    await refused(t, own, 'email', NO_EMAILS)
  },

  async 'usernames of every script, normalised'(t, { own }) {
    const unusual = USERNAMES.valid.map((name) => (name.length < 100 ? `${name}.contract` : name))
    const pairs = unusual.map((name): [string, string] => [name, name.normalize('NFKC')])
    if (own.canPutBack('username')) {
      await kept(t, own, 'username', [
        ...pairs,
        [' \t stripped.contract\u00a0\u3000', 'stripped.contract'],
        ['ﬁ＠contract', 'fi@contract'],
      ])
    } else t.pass('', { skip: 'the username could not be put back' })
    await refused(t, own, 'username', [...USERNAMES.invalid, '   ', '\ud800', 'a\u200bb', 'ﷺ'])
  },

  async 'names are as wide as the document says, counted in characters'(t, { subject, own }) {
    for (const field of ['first_name', 'last_name']) {
      const width = subject.document.schema('UserUpdate').properties![field]!.maxLength!
      const full = ['x'.repeat(width), '𝒳'.repeat(width), 'é'.repeat(width)]
      const texts = ['', ...full, '<b>"quoted" & \\back\\</b>', "Robert'); drop table x;--", '\u202eabc', '0']
      if (own.canPutBack(field)) {
        await kept(t, own, field, [
          ...texts.map((text): [string, string] => [text, text]),
          [' \n both \u2003', 'both'],
        ])
      }
      await refused(t, own, field, [
        'x'.repeat(width + 1),
        '𝒳'.repeat(width + 1),
        'a\u0000',
        '\ud83d',
        '\udc00x',
      ])
    }
  },

  async 'a username that is taken is refused'(t, { own, spare }) {
    if (spare === undefined) return void t.pass('', NEEDS_SPARE)
    const { status, body } = await own.update({ username: spare.original.username })
    t.strictSame([status, pointers(body)], [400, { username: ['unique'] }])
    t.strictSame(await own.user(), own.original)
  },
}

async function kept(
  t: Test,
  account: Account,
  field: string,
  pairs: [sent: unknown, kept: unknown][],
): Promise<void> {
  for (const [sent, expected] of pairs) {
    const { status, body } = await account.update({ [field]: sent })
    t.strictSame([status, body[field]], [200, expected], `${field}: ${JSON.stringify(sent).slice(0, 60)}`)
  }
  t.equal((await account.user())[field], pairs.at(-1)![1], `${field} is read back`)
}

async function refused(t: Test, account: Account, field: string, values: unknown[]): Promise<void> {
  for (const value of values) {
    const { status, body } = await account.update({ [field]: value })
    const name = `${field}: not ${JSON.stringify(value).slice(0, 60)}`
    t.strictSame([status, body.code, Object.keys(pointers(body))], [400, 'invalid', [field]], name)
    t.ok(
      Array.isArray(body[field]) && typeof body[field][0] === 'string',
      `${name}, told as Django REST Framework does`,
    )
  }
}

const fits = (type: string, value: unknown): boolean =>
  type === 'integer'
    ? Number.isInteger(value)
    : type === 'array'
      ? Array.isArray(value) && value.every(Number.isInteger)
      : typeof value === type
