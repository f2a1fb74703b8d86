/** Lists: the envelope, and their pages by number and by cursor. */
import type { Test } from '../assertions.js'
import type { Answer } from '../http.js'
import type { Subject } from '../subject.js'
import type { Checks, World } from '../world.js'

/** Pages that are looked at, at most: a directory may be large. */
const MAX_PAGES = 12

/** Every list of the document, with the user of the key or one of its groups where the path names one. */
async function listsOf({ subject, own }: World): Promise<{ path: string; isLog: boolean }[]> {
  const { body } = await subject.call('GET', `${subject.document.pathOf('listGroups')}?page_size=1`)
  const group: number | undefined = body.results[0]?.id
  return subject.document
    .operations()
    .filter(({ operation, method }) => method === 'GET' && 'page_size' in parametersOf(operation))
    .map(({ operation, path }) => ({
      path: path.replace('{id}', String(path.includes('/groups/{id}/') ? group : own.id)),
      isLog: 'after' in parametersOf(operation),
    }))
    .filter(({ path }) => !path.includes('undefined'))
}

const parametersOf = ({ parameters = [] }: { parameters?: { name: string }[] }) =>
  Object.fromEntries(parameters.map((parameter) => [parameter.name, parameter]))

const idsOf = ({ body }: Answer): number[] => body.results.map(({ id }: { id: number }) => id)

/** The ids of page after page, by `next`, and the answers. */
async function walk(t: Test, subject: Subject, from: string): Promise<{ ids: number[]; answers: Answer[] }> {
  const answers: Answer[] = []
  for (let path: string | null = from; path !== null && answers.length < MAX_PAGES;) {
    const answer: Answer = await subject.call('GET', path)
    t.equal(answer.status, 200, path.slice(0, 80))
    if (answer.status !== 200) break
    answers.push(answer)
    path = answer.body.next === null ? null : subject.pathIn(answer.body.next)
  }
  return { ids: answers.flatMap(idsOf), answers }
}

export const lists: Checks = {
  async 'each has the envelope of Django REST Framework'(t, world) {
    const found = await listsOf(world)
    t.ok(found.length >= 5, `there are ${found.length}`)
    for (const { path } of found) {
      const { status, body } = await world.subject.call('GET', path)
      t.equal(status, 200, path)
      t.strictSame(Object.keys(body), ['count', 'next', 'previous', 'results'])
      t.ok(body.count >= body.results.length)
      t.equal(body.previous, null)
      t.equal(
        body.next === null,
        body.count === body.results.length,
        'there is a next page where there is more',
      )
    }
  },

  async 'pages by number and by cursor show the same'(t, world) {
    for (const { path } of await listsOf(world)) {
      const { body } = await world.subject.call('GET', `${path}?page_size=1`)
      const size = Math.min(1_000, Math.max(1, Math.ceil(body.count / (MAX_PAGES - 1))))
      const numbered = await walk(t, world.subject, `${path}?page_size=${size}`)
      const positioned = await walk(t, world.subject, `${path}?page_size=${size}&cursor=`)
      t.strictSame(positioned.ids, numbered.ids, path)
      t.equal(new Set(numbered.ids).size, numbered.ids.length, 'each once')
      if (numbered.answers.at(-1)?.body.next === null)
        t.equal(numbered.ids.length, body.count, 'and all of them')
      for (const answer of positioned.answers) t.equal(answer.body.count, null, 'a cursor does not count')
    }
  },

  async 'the links of the envelope stand in the header too, and lead back'(t, world) {
    for (const { path } of await listsOf(world)) {
      for (const query of ['page_size=1', 'page_size=1&cursor=']) {
        const first = await world.subject.call('GET', `${path}?${query}`)
        if (first.body.next === null) continue
        t.ok(String(first.headers.link).includes(`<${first.body.next}>; rel="next"`), path)
        const second = await world.subject.call('GET', world.subject.pathIn(first.body.next))
        t.ok(String(second.headers.link).includes(`<${second.body.previous}>; rel="prev"`), path)
        const back = await world.subject.call('GET', world.subject.pathIn(second.body.previous))
        t.strictSame([idsOf(back), back.body.previous], [idsOf(first), null], 'the first page again')
      }
    }
  },

  async 'fields, orderings and pages that do not exist'(t, world) {
    for (const { path, isLog } of await listsOf(world)) {
      const narrow = await world.subject.call('GET', `${path}?fields=id&page_size=3`)
      for (const item of narrow.body.results) t.strictSame(Object.keys(item), ['id'])
      const down = await world.subject.call('GET', `${path}?ordering=-id&page_size=3`)
      t.strictSame(
        idsOf(down),
        idsOf(down).toSorted((a, b) => b - a),
        `${path} backward`,
      )
      const up = await world.subject.call('GET', `${path}?ordering=id&page_size=3`)
      t.strictSame(
        idsOf(up),
        idsOf(up).toSorted((a, b) => a - b),
        `${path} forward`,
      )
      for (const query of [
        'fields=',
        'fields=nothing',
        'ordering=nothing',
        'page_size=0',
        'cursor=x',
        'nothing=1',
        'count=x',
        ...(isLog ? ['after=x'] : ['search=a&search=b']),
      ]) {
        const { status, body } = await world.subject.call('GET', `${path}?${query}`)
        t.strictSame([status, body.code], [400, 'invalid'], `${path}?${query}`)
      }
      for (const page of ['0', '-1', 'x', '999999999']) {
        const { status, body } = await world.subject.call('GET', `${path}?page=${page}`)
        t.strictSame([status, body.code], [404, 'not_found'], `${path}?page=${page}`)
      }
    }
  },
}
