// Each operation in Swagger UI, tried out as it is prefilled, on a directory with nobody but its first superuser.
import t from 'tap'
import { startService } from '../helpers/service.js'
import { openBrowser } from '../interop/browser.js'
import { SwaggerPage } from './swagger-page.js'

const service = await startService(t, { PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1' })
const { key } = await service.makeCaller({ username: 'admin' })
const openPage = await openBrowser(t)

/** What the rules refuse, and what an earlier one has taken away. All others are done. */
const REFUSED = {
  'Delete User': [409, /superuser/],
  'List Users of Group': [404, /not_found/],
} as const satisfies Record<string, readonly [number, RegExp]>

t.test('they work as they are', async (t) => {
  const swagger = new SwaggerPage(await openPage(service.url))
  await swagger.open('/docs')
  await swagger.authorise('apiKey', key)
  // Others put somebody into it.
  const titles = new Set(['Create Group', ...Object.values(await swagger.groups()).flat()])
  t.ok(titles.size > 25)
  for (const title of titles) {
    const operation = swagger.operation(title)
    await operation.unfold()
    const { status, body } = await operation.execute()
    const refusal = Object.entries(REFUSED).find(([refused]) => refused === title)?.[1]
    t.equal(refusal ? status : Math.floor(status / 100), refusal?.[0] ?? 2, `${title}: ${status}`)
    if (refusal) t.match(body, refusal[1])
    await operation.fold()
  }
})
