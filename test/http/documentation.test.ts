// Swagger UI names nothing by a path from the root, since a proxy may serve it below one. `npm run test:browser` opens it.
import t from 'tap'
import { startService } from '../helpers/service.js'

const { request } = await startService(t)
/** Where a proxy that takes `/directory` away has it. */
const PUBLIC = 'https://example.com/directory'

t.test('its files are found from either of its URLs', async (t) => {
  for (const path of ['/docs', '/docs/']) {
    const { text } = await request('GET', path)
    const files = [...text.matchAll(/ (?:src|href)="([^"]+)"/g)].map(
      ([, url]) => new URL(url!, PUBLIC + path),
    )
    t.ok(files.length >= 5, path)
    for (const { href } of files) {
      t.ok(href.startsWith(`${PUBLIC}/docs/static/`), href)
      t.equal((await request('GET', href.slice(PUBLIC.length))).status, 200, href)
    }
  }
})

t.test('its copy of the document has the API where it is', async (t) => {
  const { servers, ...copy } = (await request('GET', '/docs/json')).body
  t.same(
    servers.map(({ url }: { url: string }) => new URL(url, `${PUBLIC}/docs/json`).href),
    [`${PUBLIC}/`],
  )
  const { servers: published, ...document } = (await request('GET', '/openapi.json')).body
  t.equal(published[0].url, '/')
  t.same(copy, document, 'and is the same otherwise')
})
