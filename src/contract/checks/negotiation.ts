/** Credentials, methods and media types. */
import type { Subject } from '../subject.js'
import type { Checks } from '../world.js'

const METHODS = [
  'POST',
  'PUT',
  'DELETE',
  'TRACE',
  'PROPFIND',
  'MKCOL',
  'COPY',
  'LOCK',
  'PURGE',
  'REPORT',
  'SEARCH',
  'M-SEARCH',
  'LINK',
]

/** What the header `Allow` must list: what is documented, and what comes with it. */
const methodsOf = ({ document }: Subject, path: string): string[] =>
  ['GET', 'HEAD', 'OPTIONS', 'PATCH', ...METHODS]
    .filter((method) => method === 'OPTIONS' || document.find(method, path))
    .toSorted()

const PATCH_TYPES = 'application/json, application/merge-patch+json, application/json-patch+json'

export const negotiation: Checks = {
  async 'no credentials, or none that are known'(t, { subject, own }) {
    const attempts: [string | null, string][] = [
      [null, 'not_authenticated'],
      ['', 'not_authenticated'],
      ['Basic YWRtaW46YWRtaW4=', 'not_authenticated'],
      ['Digest username="admin"', 'not_authenticated'],
      ['uak_x', 'not_authenticated'],
      ['Bearer', 'authentication_failed'],
      ['Bearer ', 'authentication_failed'],
      ['Bearer x', 'authentication_failed'],
      ['Bearer null', 'authentication_failed'],
      [`Bearer uak_${'A'.repeat(43)}`, 'authentication_failed'],
      [`bEaReR uak_${'A'.repeat(43)}`, 'authentication_failed'],
      ["Bearer ' or 1=1 --", 'authentication_failed'],
      [`Bearer ${'x'.repeat(5_000)}`, 'authentication_failed'],
      ['Bearer \u00e9\u00ff', 'authentication_failed'],
    ]
    for (const [authorization, code] of attempts) {
      for (const [method, body] of [
        ['GET', undefined],
        ['PATCH', own.bodyOf({ first_name: 'Nobody' })],
      ] as const) {
        const answer = await subject.call(method, own.path, { authorization, body })
        t.strictSame(
          [answer.status, answer.body.code],
          [401, code],
          `${method} ${authorization?.slice(0, 60)}`,
        )
        t.match(answer.headers['www-authenticate'], /^Bearer realm=/)
      }
    }
    t.strictSame(await own.user(), own.original)
  },

  async 'credentials come before everything in the body'(t, { subject, own }) {
    const options = { authorization: null, rawBody: '{', headers: { 'content-type': 'text/plain' } }
    t.equal((await subject.call('PATCH', own.path, options)).status, 401)
    t.equal((await subject.call('PATCH', subject.userPath(0), options)).status, 401)
  },

  async 'a method that a URL lacks'(t, { subject, own }) {
    for (const method of METHODS.filter((method) => subject.document.find(method, own.path) === undefined)) {
      for (const path of [own.path, own.path.slice(0, -1)]) {
        const { status, headers, body } = await subject.call(method, path)
        t.strictSame([status, body.code], [405, 'method_not_allowed'], `${method} ${path}`)
        t.strictSame(headers.allow?.split(', ').toSorted(), methodsOf(subject, own.path))
        t.equal(
          (await subject.call(method, path, { authorization: null })).status,
          401,
          'told to callers alone',
        )
      }
    }
    const patched = await subject.call('PATCH', subject.document.pathOf('listProblems'))
    t.equal(patched.status, 405)
    t.strictSame(await own.user(), own.original)
  },

  async 'OPTIONS tells what a URL has'(t, { subject, own }) {
    const { status, headers } = await subject.call('OPTIONS', own.path)
    t.ok(status === 200 || status === 204)
    t.strictSame(headers.allow?.split(', ').toSorted(), methodsOf(subject, own.path))
    t.equal(headers['accept-patch'], PATCH_TYPES)
    t.equal((await subject.call('OPTIONS', own.path, { authorization: null })).status, 401)
  },

  async 'answers are JSON, or none'(t, { subject, own }) {
    const call = (accept: string) =>
      subject.call('PATCH', own.path, { body: own.bodyOf({}), headers: { accept } })
    for (const accept of [
      'text/html',
      'application/xml, text/*;q=0.5',
      'application/json;q=0',
      'image/*',
      'x',
      'application/jsonx',
    ]) {
      const { status, body } = await call(accept)
      t.strictSame([status, body.code], [406, 'not_acceptable'], accept)
    }
    for (const accept of [
      '*/*',
      'application/*',
      'APPLICATION/JSON',
      'text/html, */*;q=0.1',
      'application/json; indent=4',
    ]) {
      t.equal((await call(accept)).status, 200, accept)
    }
  },

  async 'bodies are JSON in UTF-8, or none'(t, { subject, own }) {
    const call = (headers: Record<string, string>) =>
      subject.call('PATCH', own.path, { body: own.bodyOf({}), headers })
    const others = [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/xml',
      'application/jsonx',
      'application/merge-patch+json; charset=latin1',
      'application/json-patch',
      'application/json; charset=latin1',
      'json',
      ';',
      '',
      'application/json; charset=utf-16',
      'text/json',
      'application/json, text/plain',
      'x'.repeat(1_000),
    ]
    for (const type of others) {
      const { status, headers, body } = await call({ 'content-type': type })
      t.strictSame(
        [status, body.code, headers['accept-patch']],
        [415, 'unsupported_media_type', PATCH_TYPES],
        type,
      )
    }
    for (const encoding of ['gzip', 'br', 'deflate', 'nonsense']) {
      t.equal((await call({ 'content-encoding': encoding })).status, 415, encoding)
    }
    for (const type of [
      'application/json; charset=utf-8',
      'APPLICATION/JSON',
      'application/json;charset="UTF-8"',
      'application/merge-patch+json',
    ]) {
      t.equal((await call({ 'content-type': type })).status, 200, type)
    }
    t.strictSame(await own.user(), own.original)
  },
}
