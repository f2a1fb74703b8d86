/** Bodies that want to hurt: refused fast, and nothing is written. */
import type { Test } from '../assertions.js'
import type { Answer } from '../http.js'
import type { Account, Subject } from '../subject.js'
import type { Checks } from '../world.js'

/** Milliseconds that any refusal may take, also on a busy machine. */
const FAST = 1_500

/** Characters of any refusal: it lists a hundred faults at most. */
const LARGEST_ANSWER = 50_000

const MEBIBYTE = 2 ** 20

export const hostile: Checks = {
  async 'NUL characters and lone surrogates, raw and escaped'(t, { subject, own }) {
    for (const field of [
      'username',
      'password',
      'first_name',
      'last_name',
      'email',
      'last_login',
      'date_joined',
    ]) {
      for (const text of ['\\u0000', 'a\\u0000b', '\\ud800', '\\udfff', 'a\\ud83d', '\\ude00\\ud83d']) {
        await refused(t, subject, own, own.textOf(`"${field}":"${text}"`), `${field}: ${text}`)
      }
      await refused(t, subject, own, Buffer.from(own.textOf(`"${field}":"\u0000"`)), `${field}: NUL`)
      await refused(
        t,
        subject,
        own,
        withBytes(own, field, [0xed, 0xa0, 0x80]),
        `${field}: a surrogate in UTF-8`,
      )
    }
  },

  async 'names that mean something to JavaScript'(t, { subject, own }) {
    for (const member of [
      '"__proto__":{"is_staff":true}',
      '"__proto__":null',
      '"__proto__":1',
      '"constructor":{"prototype":{"is_admin":true}}',
      '"groups":{"__proto__":[1]}',
      '"groups":[{"__proto__":{}}]',
      '"toJSON":"x"',
      '"then":"x"',
      '"__defineGetter__":"x"',
      '"\\u005f_proto__":{}',
      '"length":5',
      '"valueOf":1',
    ]) {
      await refused(t, subject, own, own.textOf(member), member)
    }
    t.notOk('is_admin' in {}, 'in this process at least')
  },

  async 'keys that are repeated'(t, { subject, own }) {
    for (const members of [
      '"first_name":"Ada","first_name":"Eve"',
      '"first_name":"Ada","first_n\\u0061me":"Eve"',
      '"is_staff":true,"is_staff":true',
      '"groups":[{"a":1,"a":2}]',
      '"__proto__":1,"__proto__":2',
      '"id":1,"id":1',
    ]) {
      const { body } = await refused(t, subject, own, own.textOf(members), members)
      t.equal(body.code, 'parse_error')
    }
  },

  async depth(t, { subject, own }) {
    for (const depth of [33, 1_000, 100_000]) {
      await refused(
        t,
        subject,
        own,
        own.textOf(`"groups":${'['.repeat(depth)}${']'.repeat(depth)}`),
        `${depth} lists`,
      )
      await refused(t, subject, own, own.textOf(`"groups":${'['.repeat(depth)}`), `${depth} open lists`)
    }
    for (const depth of [33, 1_000, 50_000]) {
      await refused(
        t,
        subject,
        own,
        own.textOf(`"x":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`),
        `${depth} objects`,
      )
    }
  },

  async width(t, { subject, own }) {
    const many = (count: number, item: (index: number) => string) =>
      Array.from({ length: count }, (_, i) => item(i)).join()
    const bodies: Record<string, string> = {
      // No more than a connection takes before the answer comes: it is closed, and what was answered may be lost.
      '150,000 ids': own.textOf(`"groups":[${many(150_000, String)}]`),
      'as many ids as fit': own.textOf(`"groups":[${many(60_000, (index) => String(index + 1))}]`),
      'as many equal ids as fit': own.textOf(`"groups":[${many(250_000, () => '1')}]`),
      'a hundred thousand texts': own.textOf(`"user_permissions":[${many(100_000, () => '"a"')}]`),
      'a hundred thousand objects': own.textOf(`"groups":[${many(100_000, () => '{}')}]`),
      'ten thousand ids of nothing': own.textOf(
        `"groups":[${many(10_000, (index) => String(9e15 + index))}]`,
      ),
      'ten thousand ids and one': own.textOf(`"groups":[${many(10_001, (index) => String(index + 1))}]`),
      'forty thousand fields': own.textOf(many(40_000, (index) => `"x${index}":1`)),
      'both sets at once': own.textOf(
        `"groups":[${many(50_000, String)}],"user_permissions":[${many(40_000, String)}]`,
      ),
    }
    for (const [name, rawBody] of Object.entries(bodies)) await refused(t, subject, own, rawBody, name)
  },

  async size(t, { subject, own }) {
    const bodies: Record<string, string> = {
      'a name of 1 MiB': own.textOf(`"first_name":"${'x'.repeat(MEBIBYTE)}"`),
      'a name of 400 KiB': own.textOf(`"first_name":"${'x'.repeat(400 * 1024)}"`),
      'a password of 400 KiB': own.textOf(`"password":"${'x'.repeat(400 * 1024)}"`),
      'an e-mail address of 400 KiB': own.textOf(`"email":"${'a.'.repeat(200 * 1024)}@example.com"`),
      'an e-mail address that is all domain': own.textOf(`"email":"a@${'a.'.repeat(200 * 1024)}"`),
      'a username of 400 KiB of white space': own.textOf(`"username":"${' '.repeat(400 * 1024)}"`),
      'a username that grows when normalised': own.textOf(`"username":"${'ﷺ'.repeat(100 * 1024)}"`),
      'combining marks without end': own.textOf(`"username":"a${'\u0301\u0323'.repeat(90 * 1024)}"`),
      'a fraction of 400,000 digits': own.textOf(`"last_login":"2024-02-29T08:30:00.${'1'.repeat(400_000)}"`),
      'a number of 400,000 digits': own.textOf(`"id":${'1'.repeat(400_000)}`),
      'a key of 400 KiB': own.textOf(`"${'x'.repeat(400 * 1024)}":1`),
      '1 MiB of white space': ' '.repeat(MEBIBYTE),
      '1 MiB of nothing': '\u0000'.repeat(MEBIBYTE),
    }
    for (const [name, rawBody] of Object.entries(bodies)) await refused(t, subject, own, rawBody, name)
    const chunked = { 'content-type': 'application/json', 'transfer-encoding': 'chunked' }
    const rawBody = bodies['a name of 1 MiB']!
    t.equal((await subject.call('PATCH', own.path, { rawBody, headers: chunked })).status, 413, 'in chunks')
  },

  async 'the service is well afterwards'(t, { own }) {
    const { status, body, milliseconds } = await own.update({})
    t.strictSame([status, body], [200, own.original])
    t.ok(milliseconds < FAST)
  },
}

/** Sends a body, expects 400 or 413 soon, and that the user is as before. */
async function refused(
  t: Test,
  subject: Subject,
  own: Account,
  rawBody: string | Buffer,
  name: string,
): Promise<Answer> {
  const answer = await subject.call('PATCH', own.path, { rawBody })
  const tooLarge = Buffer.byteLength(rawBody) > 500_000
  t.ok(answer.status === 400 || (tooLarge && answer.status === 413), `${name}: ${answer.status}`)
  t.ok(answer.milliseconds < FAST, `${name}: in ${Math.round(answer.milliseconds)} ms`)
  t.ok(answer.text.length < LARGEST_ANSWER, `${name}: in ${answer.text.length} characters`)
  t.strictSame(await own.user(), own.original, `${name}: nothing is written`)
  return answer
}

function withBytes(own: Account, field: string, bytes: number[]): Buffer {
  const [before, after] = own.textOf(`"${field}":"@"`).split('"@"')
  return Buffer.concat([Buffer.from(`${before}"`), Buffer.from(bytes), Buffer.from(`"${after}`)])
}
