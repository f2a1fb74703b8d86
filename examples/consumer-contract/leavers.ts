/** A consumer of the service: what happens to the account of somebody who leaves. */
export type Outcome = 'closed' | 'unknown' | 'not allowed'

/**
 * Closes an account.
 * @param api where the service is, with its prefix, such as `https://directory.example.com/admin`
 */
export async function closeAccount(api: string, key: string, username: string): Promise<Outcome> {
  const headers = { authorization: `Bearer ${key}` }
  const found = await fetch(`${api}/users/?username=${encodeURIComponent(username)}`, { headers })
  if (found.status === 403) return 'not allowed'
  const { results } = (await found.json()) as { results: { id: number }[] }
  const [user] = results
  if (user === undefined) return 'unknown'
  const changed = await fetch(`${api}/users/${user.id}/`, {
    method: 'PATCH',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ is_active: false }),
  })
  return changed.status === 200 ? 'closed' : 'not allowed'
}
