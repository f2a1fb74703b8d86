// The client in a browser: the example, in a page of the service's own origin.
import path from 'node:path'
import { build } from 'esbuild'
import t from 'tap'
import { startService } from '../helpers/service.js'
import { openBrowser } from '../interop/browser.js'

const ROOT = path.resolve(import.meta.dirname, '../..')

/** The program of a page: what the example has, as `directory`. */
async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [path.join(ROOT, 'examples/client/directory.ts')],
    alias: { 'fastify-user-admin/client': path.join(ROOT, 'src/client/index.ts') },
    platform: 'browser',
    bundle: true,
    format: 'iife',
    globalName: 'directory',
    write: false,
  })
  return outputFiles[0]!.text
}

const service = await startService(t)
const { key } = await service.makeCaller({ username: 'boss' })
const group = await service.makeGroup()
const openPage = await openBrowser(t)
const page = await openPage(service.url)
const program = await bundle()
await page.route('/app', (route) =>
  route.fulfill({ contentType: 'text/html', body: `<!doctype html><script>${program}</script>` }),
)
await page.goto('/app')

/** In the page. Untyped, since what it imports is a package that is built elsewhere. */
declare const directory: any

t.test('creates, updates with an entity tag, lists, and is told of refusals by their codes', async (t) => {
  const done = await page.evaluate(
    async ({ key, group }) => {
      const client = directory.connect('', key)
      const id = await directory.hire(client, 'grace.hopper', 'correct horse battery staple')
      await directory.addToGroup(client, id, group)
      const staff = await directory.staff(client)
      const refused = await directory.dismiss(client, id + 1_000_000)
      return { id, staff, grace: await directory.dismiss(client, id), nobody: refused }
    },
    { key, group },
  )
  t.match(done, {
    staff: ['boss', 'grace.hopper'],
    grace: 'dismissed',
    nobody: 'there is no such user',
  })
  const { body } = await service.request('GET', `/admin/users/${done.id}/`, { key })
  t.match(body, { username: 'grace.hopper', groups: [group], is_active: false })
})

t.test('follows events', async (t) => {
  const changes = await page.evaluate(
    async (key) => directory.changesSince(directory.connect('', key), 0),
    key,
  )
  t.same(
    changes.map((change: string) => change.split(' ')[1]),
    ['user.create', 'user.update', 'user.update'],
  )
})
