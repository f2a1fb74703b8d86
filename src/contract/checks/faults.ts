/** How a body's faults are told. */
import type { Checks } from '../world.js'
import { pointers } from './updating.js'

const MANY_FAULTS = {
  password: '',
  last_login: 'yesterday',
  is_superuser: 'true',
  username: 'no spaces allowed',
  first_name: 'x'.repeat(151),
  last_name: null,
  email: 'nowhere',
  is_staff: 1,
  date_joined: null,
  groups: [1, 1],
  user_permissions: { 1: true },
  favourite_colour: 'blue',
}

/** What a problem has beside the members of the fields. */
const STANDARD = new Set(['type', 'title', 'status', 'code', 'request_id', 'errors'])

export const faults: Checks = {
  async 'all of them at once, each with a member of its own'(t, { own }) {
    const { status, body } = await own.update(MANY_FAULTS)
    t.equal(status, 400)
    t.equal(body.code, 'invalid')
    t.strictSame(Object.keys(pointers(body)).toSorted(), Object.keys(MANY_FAULTS).toSorted())
    const members = Object.keys(body).filter((name) => !STANDARD.has(name))
    t.strictSame(
      members.toSorted(),
      Object.keys(MANY_FAULTS).toSorted(),
      'the members that a DRF client reads',
    )
    for (const name of members) {
      const details = body.errors
        .filter((fault: any) => fault.pointer.split('/')[1] === name)
        .map((fault: any) => fault.detail)
      t.strictSame(body[name], [...new Set(details)], name)
    }
    t.strictSame(await own.user(), own.original)
  },

  async 'those that only the database knows come with the others'(t, { own }) {
    const { body } = await own.update({ email: 'nowhere', groups: [Number.MAX_SAFE_INTEGER] })
    t.strictSame(pointers(body), { email: ['invalid'], groups: ['does_not_exist'] })
  },

  async 'a great many of them are still a refusal'(t, { own }) {
    const items = Array.from({ length: 500 }, (_, index) => `x${index}`)
    const bodies: Record<string, unknown>[] = [
      { groups: items },
      { groups: items, user_permissions: 5 },
      { groups: items, user_permissions: items },
      { groups: items, user_permissions: [1, '2'], first_name: 7 },
      { user_permissions: items, email: null, username: '' },
      Object.fromEntries(items.map((name) => [name, name])),
    ]
    for (const patch of bodies) {
      const { status, body, text } = await own.update(patch)
      t.strictSame([status, body.code], [400, 'invalid'], Object.keys(patch).slice(0, 3).join())
      t.ok(text.length < 100_000, 'in an answer of bounded size')
    }
    t.strictSame(await own.user(), own.original)
  },

  async 'an unknown field is refused; `Prefer: handling=lenient` drops it'(t, { own }) {
    const names = [
      'favourite_colour',
      'Username',
      'date-joined',
      'username ',
      '',
      '/',
      '~',
      'a/b~c',
      'constructor',
      'toString',
      'hasOwnProperty',
      'prototype',
      'detail',
      'errors',
      'title',
      'status',
      'x'.repeat(200),
      '\ud800',
      '山',
      'pk',
      'is_admin',
    ]
    for (const name of names) {
      const { status, body } = await own.update({ [name]: 'value' })
      t.strictSame(
        [status, body.errors?.length, body.errors?.[0]?.code],
        [400, 1, 'unknown'],
        JSON.stringify(name),
      )
      t.strictSame(
        [body.title, body.status, typeof body.code],
        ['Invalid input', 400, 'string'],
        'its own members stand',
      )
    }
    const prefer = { prefer: 'return=representation, handling=lenient' }
    const dropped = await own.update({ favourite_colour: 'blue', pk: 1 }, prefer)
    t.strictSame([dropped.status, dropped.body], [200, own.original])
    t.equal(dropped.headers['preference-applied'], 'handling=lenient, return=representation')
    t.equal(dropped.headers['dropped-fields'], '"/favourite_colour", "/pk"')
    const still = await own.update({ favourite_colour: 'blue', is_staff: 'yes' }, prefer)
    t.strictSame(
      [still.status, Object.keys(pointers(still.body))],
      [400, ['is_staff']],
      'what is known is checked all the same',
    )
    const strict = await own.update({ favourite_colour: 'blue' }, { prefer: 'handling=strict' })
    t.strictSame([strict.status, strict.headers['preference-applied']], [400, undefined])
  },

  async 'a body that is no object'(t, { subject, own }) {
    for (const rawBody of ['[]', '[{}]', '"text"', '5', '1e400', 'true', 'null', '[[[]]]']) {
      for (const prefer of ['handling=strict', 'handling=lenient']) {
        const { status, body } = await subject.call('PATCH', own.path, { rawBody, headers: { prefer } })
        t.strictSame(
          [status, body.code, body.errors?.length, body.errors?.[0]?.pointer],
          [400, 'invalid', 1, ''],
          `${rawBody} ${prefer}`,
        )
        t.ok(Array.isArray(body.non_field_errors), rawBody)
      }
    }
  },

  async 'a body that is no JSON'(t, { subject, own }) {
    const texts: (string | Buffer)[] = [
      '{',
      '}',
      '{"first_name": "Ada"',
      "{'first_name': 'Ada'}",
      '{"first_name": Ada}',
      '{first_name: "Ada"}',
      '{"a":1,}',
      '[1,]',
      '{"first_name": "Ada"} {"x": 1}',
      'first_name=Ada',
      '// comment\n{}',
      'NaN',
      'undefined',
      '{"groups": [01]}',
      '{"a": "\t"}',
      ' ',
      '\ufeff{}',
      '{"first_name": "\\x41"}',
      '{"first_name": "\\ud8"}',
      Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]),
      Buffer.from('{"first_name":"Ada"}', 'utf16le'),
      Buffer.from([0]),
      Buffer.from('{"first_name":"\xe9"}', 'latin1'),
    ]
    for (const rawBody of texts) {
      const { status, body } = await subject.call('PATCH', own.path, { rawBody })
      t.strictSame([status, body.code], [400, 'parse_error'], JSON.stringify(rawBody.toString()))
    }
    t.strictSame(await own.user(), own.original)
  },
}
