/** `GET` of one user. */
import { CONTRACT, FIELDS } from '../contract.js'
import type { Checks } from '../world.js'

export const reading: Checks = {
  async 'all thirteen fields are answered, with the types of the contract'(t, { own }) {
    const { status, body } = await own.read()
    t.equal(status, 200)
    t.strictSame(Object.keys(body), FIELDS, 'in the order of the contract')
    t.equal(body.id, own.id)
    for (const [field, { type }] of Object.entries(CONTRACT)) {
      const nullable = field === 'last_login' && body[field] === null
      t.ok(nullable || isOf(type, body[field]), `${field} is of type ${type}`)
    }
    for (const field of ['groups', 'user_permissions']) {
      t.strictSame(
        body[field],
        body[field].toSorted((a: number, b: number) => a - b),
        `${field} is in order`,
      )
    }
  },

  async 'both forms of the URL, and `format` as Django REST Framework has it'(t, { subject, own }) {
    const { text } = await own.read()
    for (const path of [
      own.path.slice(0, -1),
      `${own.path}?format=json`,
      `${own.path}?format=`,
      `${own.path}?`,
    ]) {
      const answer = await subject.call('GET', path)
      t.strictSame([answer.status, answer.text], [200, text], path)
    }
  },

  async 'a parameter that does not exist is refused, not ignored'(t, { subject, own }) {
    for (const query of [
      'format=xml',
      'fromat=json',
      'format=json&format=xml',
      '__proto__=1',
      'is_staff=true',
    ]) {
      const { status, body } = await subject.call('GET', `${own.path}?${query}`)
      t.strictSame([status, body.code], [400, 'invalid'], query)
    }
  },

  async 'HEAD is GET without the body'(t, { subject, own }) {
    for (const path of [own.path, own.path.slice(0, -1)]) {
      const [get, head] = [await subject.call('GET', path), await subject.call('HEAD', path)]
      t.equal(head.status, 200)
      for (const name of ['content-type', 'content-length', 'cache-control']) {
        t.equal(head.headers[name], get.headers[name], name)
      }
    }
    t.equal((await subject.call('HEAD', own.path, { authorization: null })).status, 401)
    t.equal((await subject.call('HEAD', subject.userPath(0))).status, 404)
  },
}

const isOf = (type: string, value: unknown): boolean =>
  type === 'integer'
    ? Number.isInteger(value)
    : type === 'array'
      ? Array.isArray(value)
      : typeof value === type
