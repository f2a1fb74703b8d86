/** Changing what others change too: conditions, patch formats, preferences, dry runs, and requests that come twice. */
import { randomBytes, randomUUID } from 'node:crypto'
import type { Checks } from '../world.js'
import { pointers } from './updating.js'

const JSON_PATCH = 'application/json-patch+json'

/** No tag of any user. */
const FOREIGN_TAG = '"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"'

export const editing: Checks = {
  async 'one state has one entity tag, however it is answered'(t, { subject, own }) {
    const { etag } = (await own.read()).headers
    t.match(etag, /^"[^"]+"$/, 'a strong one')
    const changed = await own.update({ first_name: 'Grace' })
    t.not(changed.headers.etag, etag)
    t.equal((await own.read()).headers.etag, changed.headers.etag)
    t.equal((await subject.call('HEAD', own.path)).headers.etag, changed.headers.etag)
    const whole = { ...own.original, first_name: 'Grace' }
    t.equal((await subject.call('PUT', own.path, { body: whole })).headers.etag, changed.headers.etag)
    const back = await own.update({ first_name: own.original.first_name }, { prefer: 'return=minimal' })
    t.strictSame([back.status, back.text, back.headers.etag], [204, '', etag])
    t.equal(back.headers['preference-applied'], 'return=minimal')
    t.match(back.headers.vary, /\bprefer\b/i)
  },

  async 'what is known already is not sent again'(t, { subject, own }) {
    const { etag } = (await own.read()).headers
    const ask = async (tags: string) =>
      (await subject.call('GET', own.path, { headers: { 'if-none-match': tags } })).status
    for (const tags of [etag!, `W/${etag}`, '*', `${FOREIGN_TAG}, ${etag}`])
      t.equal(await ask(tags), 304, tags)
    t.equal(await ask(FOREIGN_TAG), 200)
    t.equal(await ask('no tag'), 400)
  },

  async 'a change is only made of what was seen'(t, { subject, own }) {
    const { etag } = (await own.read()).headers
    const seen = await own.update({ first_name: 'Grace' }, { 'if-match': etag })
    t.equal(seen.status, 200)
    const unseen = await own.update({ last_name: 'Byron' }, { 'if-match': etag })
    t.strictSame([unseen.status, unseen.body.code], [412, 'precondition_failed'])
    t.equal(unseen.headers.etag, seen.headers.etag, 'the current one')
    t.strictSame(
      unseen.body.errors.map(({ pointer }: { pointer: string }) => pointer),
      ['/first_name'],
    )
    const deleted = await subject.call('DELETE', own.path, { headers: { 'if-match': etag } })
    t.equal(deleted.status, 412)
    t.strictSame(await own.user(), { ...own.original, first_name: 'Grace' }, 'nothing else was done')
    for (const tags of ['*', `${etag}, ${seen.headers.etag}`])
      t.equal((await own.update({}, { 'if-match': tags })).status, 200, tags)
    t.equal((await own.update({}, { 'if-match': `W/${seen.headers.etag}` })).status, 412, 'compared strongly')
    t.equal((await own.update({}, { 'if-match': 'no tag' })).status, 400)
  },

  async 'a JSON Patch and a merge patch change what a plain body does'(t, { subject, own }) {
    const patch = async (operations: unknown, headers = {}) =>
      subject.call('PATCH', own.path, {
        rawBody: JSON.stringify(operations),
        headers: { 'content-type': JSON_PATCH, ...headers },
      })
    const test = { op: 'test', path: '/first_name', value: own.original.first_name }
    const replaced = await patch([test, { op: 'replace', path: '/first_name', value: 'Grace' }])
    t.strictSame([replaced.status, replaced.body], [200, { ...own.original, first_name: 'Grace' }])
    const failed = await patch([{ op: 'replace', path: '/last_name', value: 'Byron' }, test])
    t.strictSame([failed.status, failed.body.code], [409, 'patch_conflict'])
    const unknown = await patch([{ op: 'add', path: '/colour', value: 'blue' }])
    t.strictSame([unknown.status, pointers(unknown.body)], [400, { 0: ['unknown'] }])
    t.equal((await patch([{ op: 'remove', path: '/groups/0' }])).status, 428, 'a place wants a condition')
    t.equal((await patch([{ op: 'test', path: '/password', value: 'x' }])).status, 400)
    t.strictSame(await own.user(), replaced.body, 'all or nothing')

    const merged = await own.update(
      { first_name: own.original.first_name },
      { 'content-type': 'application/merge-patch+json' },
    )
    t.strictSame([merged.status, merged.body], [200, own.original])
  },

  async 'a dry run tells, and does nothing'(t, { subject, own }) {
    const { etag } = (await own.read()).headers
    const { status, body, headers } = await subject.call('PATCH', `${own.path}?dry_run=true`, {
      body: own.bodyOf({ first_name: 'Grace' }),
    })
    t.strictSame([status, headers.etag], [200, etag])
    t.strictSame(body.user, { ...own.original, first_name: 'Grace' })
    t.strictSame(body.changes, { first_name: [own.original.first_name, 'Grace'] })
    t.equal(body.side_effects.sessions_end, false)
    t.strictSame(await own.user(), own.original)
  },

  async 'a request that comes twice is done once'(t, world) {
    const { subject, made } = world
    const path = subject.document.pathOf('createGroup')
    const headers = { 'idempotency-key': `"${randomUUID()}"` }
    const body = { name: `contract.${randomBytes(9).toString('hex')}` }
    const first = await subject.call('POST', path, { body, headers })
    t.equal(first.status, 201)
    made.add(subject.pathIn(first.headers.location!))
    const second = await subject.call('POST', path, { body, headers })
    t.strictSame(
      [second.status, second.body, second.headers.location, second.headers.etag],
      [201, first.body, first.headers.location, first.headers.etag],
    )
    t.equal(second.headers['idempotent-replayed'], 'true')
    const other = await subject.call('POST', path, { body: { name: `${body.name}.2` }, headers })
    t.strictSame([other.status, other.body.code], [422, 'idempotency_key_reused'])
    const taken = await subject.call('POST', path, { body, headers: { 'if-none-match': '*' } })
    t.strictSame([taken.status, taken.headers.etag], [412, first.headers.etag])
  },
}
