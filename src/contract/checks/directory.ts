/** Every operation of the document, asked for what it must refuse. Nothing that exists is named, so nothing can change. */
import type { Operation } from '../document.js'
import type { Subject } from '../subject.js'
import type { Checks } from '../world.js'
import { NOWHERE } from './updating.js'

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']

interface Entry {
  method: string
  path: string
  operation: Operation
}

const guarded = ({ document }: Subject): Entry[] =>
  document.operations().filter(({ operation }) => (operation.security ?? []).length > 0)

/** The path with something that is nothing's id or name in each place. */
const nowhere = (path: string, text: number | string = NOWHERE) => path.replace(/\{\w+\}/g, String(text))

/** A body that is valid, so that only the path can be wrong. */
function exampleOf({ document }: Subject, { requestBody }: Operation): unknown {
  const schema = requestBody?.content['application/json']?.schema
  if (schema === undefined) return undefined
  const [example] = document.schema(schema.$ref!.split('/').at(-1)!).examples as unknown[]
  return example
}

export const directory: Checks = {
  async 'the document has every operation on users, groups and permissions'(t, { subject }) {
    const ids = subject.document.operations().map(({ operation }) => operation.operationId)
    const expected = ['create', 'read', 'replace', 'update', 'delete'].flatMap((verb) => [
      `${verb}User`,
      `${verb}Group`,
    ])
    const others = [
      'listUsers',
      'updateUsers',
      'listGroups',
      'listGroupUsers',
      'listPermissions',
      'readPermission',
    ]
    const memberships = ['addUserToGroup', 'removeUserFromGroup', 'giveUserPermission', 'takeUserPermission']
    for (const id of [
      ...expected,
      ...others,
      ...memberships,
      'checkUserPermission',
      'listUserPermissions',
      'readMe',
    ])
      t.ok(ids.includes(id), id)
  },

  async 'without credentials'(t, { subject }) {
    for (const { method, path } of guarded(subject)) {
      for (const authorization of [null, 'Bearer uak_x']) {
        const { status } = await subject.call(method, nowhere(path), { authorization })
        t.equal(status, 401, `${method} ${path}`)
      }
    }
  },

  async 'something that does not exist'(t, { subject }) {
    for (const { method, path, operation } of guarded(subject).filter((entry) => entry.path.includes('{'))) {
      const body = exampleOf(subject, operation)
      for (const text of [NOWHERE, 0, 'x', '01', '%00', '9007199254740993', '9'.repeat(100)]) {
        const answer = await subject.call(method, nowhere(path, text), { body })
        t.strictSame(
          [answer.status, answer.body?.code],
          [404, 'not_found'],
          `${method} ${nowhere(path, text).slice(0, 80)}`,
        )
      }
    }
  },

  async 'something that does not exist of somebody who does'(t, { subject, own }) {
    const paths = guarded(subject).filter(({ path }) => (path.match(/\{/g) ?? []).length > 1)
    t.ok(paths.length >= 5)
    for (const { method, path } of paths) {
      for (const text of [NOWHERE, 'x', 'nothing.nothing']) {
        const { status } = await subject.call(method, nowhere(path.replace('{id}', String(own.id)), text))
        t.equal(status, 404, `${method} ${path} ${text}`)
      }
    }
    t.strictSame(await own.user(), own.original)
  },

  async 'a method that a URL lacks'(t, { subject }) {
    const paths = new Set(guarded(subject).map(({ path }) => path))
    for (const path of paths) {
      const known = METHODS.filter((method) => subject.document.find(method, path) !== undefined)
      const allowed = [...known, ...(known.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].toSorted()
      for (const method of METHODS.filter((method) => !known.includes(method))) {
        const { status, headers, body } = await subject.call(method, nowhere(path))
        t.strictSame([status, body.code], [405, 'method_not_allowed'], `${method} ${path}`)
        t.strictSame(headers.allow?.split(', ').toSorted(), allowed, path)
      }
      const options = await subject.call('OPTIONS', nowhere(path))
      t.strictSame(options.headers.allow?.split(', ').toSorted(), allowed, `OPTIONS ${path}`)
    }
  },

  async 'a body that is no JSON, or says that it is something else'(t, { subject }) {
    const entries = guarded(subject).filter(({ operation }) => operation.requestBody !== undefined)
    t.ok(entries.length >= 7)
    for (const { method, path } of entries) {
      for (const type of [
        'text/plain',
        'application/x-www-form-urlencoded',
        'application/json; charset=latin1',
      ]) {
        const answer = await subject.call(method, nowhere(path), {
          rawBody: '{}',
          headers: { 'content-type': type },
        })
        t.strictSame(
          [answer.status, answer.body.code],
          [415, 'unsupported_media_type'],
          `${method} ${path} ${type}`,
        )
      }
      for (const rawBody of ['{', '{"a":1,"a":2}', '[1,]', 'NaN', '\u0000', '[[[['.repeat(5_000)]) {
        const { status, body } = await subject.call(method, nowhere(path), { rawBody })
        t.strictSame([status, body.code], [400, 'parse_error'], `${method} ${path} ${rawBody.slice(0, 20)}`)
      }
      for (const rawBody of ['null', '5', '"x"', '{"nothing":[]}', '[[]]']) {
        const { status, body } = await subject.call(method, nowhere(path), { rawBody })
        t.strictSame([status, body.code], [400, 'invalid'], `${method} ${path} ${rawBody}`)
      }
    }
  },

  async 'a parameter that does not exist, and an answer in another format'(t, { subject }) {
    for (const { method, path, operation } of guarded(subject)) {
      const body = path.includes('{') ? exampleOf(subject, operation) : undefined
      for (const query of ['nothing=1', 'format=xml', '__proto__=1']) {
        const answer = await subject.call(method, `${nowhere(path)}?${query}`, { body })
        t.strictSame([answer.status, answer.body?.code], [400, 'invalid'], `${method} ${path}?${query}`)
      }
      const { status } = await subject.call(method, nowhere(path), { body, headers: { accept: 'text/html' } })
      t.equal(status, 406, `${method} ${path}`)
    }
  },
}
