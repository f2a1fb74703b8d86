/** Which URL means whom. */
import type { Checks } from '../world.js'

/** Texts that one reader or another would take for the id of somebody. */
const oddIds = (id: number): string[] => [
  '0',
  '-1',
  `-${id}`,
  `+${id}`,
  `%2B${id}`,
  `0${id}`,
  `${id}.0`,
  `${id}.`,
  `${id}e0`,
  `${id}E+0`,
  `0x${id.toString(16)}`,
  `0b${id.toString(2)}`,
  `0o${id.toString(8)}`,
  `%20${id}`,
  `${id}%20`,
  `%09${id}`,
  `${id}%0A`,
  `${id}%0D%0A`,
  `${id}%00`,
  '%00',
  `${id}n`,
  `${id}_`,
  `${id},${id}`,
  `${id};${id}`,
  `${id}'`,
  `${id}%27--`,
  `${id}%20or%201=1`,
  `${id}%2F`,
  `..%2F${id}`,
  `%2e%2e`,
  'null',
  'undefined',
  'true',
  'NaN',
  'Infinity',
  'me',
  'self',
  '[object%20Object]',
  '__proto__',
  'constructor',
  '*',
  '%25',
  '%3F',
  '%EF%BC%91',
  '%D9%A1',
  '%E2%91%A0',
  '%C2%B9',
  '%FF',
  '%C0%80',
  '%ED%A0%80',
  '2147483647',
  '2147483648',
  '4294967297',
  '9007199254740991',
  '9007199254740992',
  '9007199254740993',
  '9223372036854775807',
  '9223372036854775808',
  `${2n ** 64n + BigInt(id)}`,
  '1'.repeat(100),
  'a'.repeat(1_000),
  `{${id}}`,
  '{id}',
  ':id',
  `"${id}"`,
  `<${id}>`,
  `${id}|${id}`,
  '~',
  '`',
  '^',
  '\\',
]

const MALFORMED = ['%', '%z', '%zz', '1%', '%u0031', '%E0%A4%A', 'a%2']

export const addressing: Checks = {
  async 'an id of any odd form is nobody, and no failure'(t, { subject, own }) {
    const path = (id: string, slash: string) => own.path.replace(`/${own.id}/`, () => `/${id}${slash}`)
    for (const id of [...oddIds(own.id), ...MALFORMED]) {
      for (const [method, slash] of [
        ['GET', '/'],
        ['GET', ''],
        ['PATCH', '/'],
        ['HEAD', '/'],
      ] as const) {
        const body = method === 'PATCH' ? own.bodyOf({}) : undefined
        const { status } = await subject.call(method, path(id, slash), { body })
        t.equal(status, 404, `${method} ${id.slice(0, 60)}${slash}`)
      }
    }
    t.strictSame(await own.user(), own.original)
  },

  async 'a URL that does not exist'(t, { subject, own }) {
    const users = own.path.replace(/\d+\/$/, '')
    const paths = [
      '/nothing',
      '//',
      '/%',
      '/%zz',
      '/..',
      '/../../etc/passwd',
      '/.env',
      `${own.path}more`,
      `${own.path}/`,
      `${users}/`,
      `${users}${own.id}//`,
      own.path.toUpperCase(),
      `/.${own.path}`,
      `/${own.path}`,
      `${users}${own.id}/../${own.id}/`,
      `${users}%2e/`,
      '/%C0%AF',
      '/\\',
      '/a|b',
      `${own.path.slice(0, -1)}%2F`,
      `${users}${own.id};a=b/`,
    ]
    for (const path of paths) {
      const { status, body } = await subject.call('GET', path)
      t.strictSame([status, body?.code], [404, 'not_found'], path)
    }
  },

  async 'a URL or header beyond all measure'(t, { subject, own }) {
    for (const length of [10_000, 20_000, 100_000]) {
      const long = await subject.call('GET', subject.userPath('1'.repeat(length)))
      t.ok([404, 414, 431].includes(long.status), `an id of ${length} digits: ${long.status}`)
      const query = await subject.call('GET', `${own.path}?format=${'x'.repeat(length)}`)
      t.ok([400, 414, 431].includes(query.status), `a query of ${length} characters: ${query.status}`)
      const header = await subject.call('GET', own.path, { authorization: `Bearer ${'x'.repeat(length)}` })
      t.ok([401, 431].includes(header.status), `a header of ${length} characters: ${header.status}`)
    }
  },

  async 'faults of a body come before an id that is nobody'(t, { subject, own }) {
    const { status } = await subject.call('PATCH', subject.userPath(0), {
      body: own.bodyOf({ is_staff: 'yes' }),
    })
    t.equal(status, 400)
  },
}
