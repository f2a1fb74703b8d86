/** Holds a filter of the list of users to another one, over all users that there are. */
import type { Test } from 'tap'
import type { TestService } from './service.js'

type Filter = (user: any) => boolean

/** @param key of somebody who may read all users */
export async function findingUsers({ request }: TestService, key: string) {
  const get = (path: string) => request('GET', path, { key })
  const all: any[] = (await get('/admin/users/?page_size=1000')).body.results
  const names = (users: any[]): string[] => users.map(({ username }) => username)

  /** The list has just the users that the filter lets through. */
  async function same(t: Test, parameters: Record<string, string>, filter: Filter): Promise<string[]> {
    const query = new URLSearchParams(parameters).toString()
    const { status, body, text } = await get(`/admin/users/?${query}`)
    const expected = names(all.filter(filter))
    t.equal(status, 200, text.slice(0, 200))
    t.strictSame(names(body.results ?? []), expected, decodeURIComponent(query))
    t.equal(body.count, expected.length, 'and so many are counted')
    return expected
  }

  /** And those are somebody, and not everybody. */
  async function finds(t: Test, parameters: Record<string, string>, filter: Filter): Promise<void> {
    const { length } = await same(t, parameters, filter)
    t.ok(length > 0 && length < all.length, `of ${all.length} users it finds ${length}`)
  }

  return { all, get, names, same, finds }
}
