// Swagger UI as people meet it: in a browser, on a directory that has nobody yet but its first superuser.
import path from 'node:path'
import t from 'tap'
import { startService } from '../helpers/service.js'
import { openBrowser } from '../interop/browser.js'
import { startPrefixProxy } from './prefix-proxy.js'
import { SwaggerPage } from './swagger-page.js'

const service = await startService(t, { PASSWORD_HASHER: 'pbkdf2_sha256', PBKDF2_ITERATIONS: '1' })
const { id: admin, key } = await service.makeCaller({ username: 'admin', first_name: '', last_name: '' })
const openPage = await openBrowser(t)
const openSwagger = async (origin: string) => new SwaggerPage(await openPage(origin))
const swagger = await openSwagger(service.url)
await swagger.page.setViewportSize({ width: 1000, height: 1000 })

/** For the README, when asked for. */
async function takePicture(name: string): Promise<void> {
  const file = path.resolve(import.meta.dirname, '../../docs/images', `${name}.png`)
  if (process.env.UPDATE_SCREENSHOTS === '1') await swagger.page.screenshot({ path: file })
}

t.test('it opens without anything missing or forbidden, and operations are grouped', async (t) => {
  const complaints: string[] = []
  swagger.page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  swagger.page.on('pageerror', (error) => complaints.push(error.message))
  await swagger.open('/docs')
  t.same(complaints, [])
  const groups = await swagger.groups()
  t.same(Object.keys(groups), ['users', 'groups', 'permissions', 'events', 'documentation', 'health'])
  t.ok(groups.users!.includes('Update Users'))
  for (const [group, titles] of Object.entries(groups)) t.ok(titles.length > 0, group)
})

t.test('the update is found by its title, and its prefilled example works', async (t) => {
  await swagger.authorise('apiKey', key)
  await takePicture('swagger-ui')
  const update = swagger.operation('Update Users')
  await update.unfold()
  t.match(swagger.page.url(), /\/docs#\/users\/updateUser$/, 'its link is in the address bar')
  const sent = JSON.parse(await update.body.inputValue())
  const { status, body } = await update.execute()
  t.equal(status, 200)
  t.match(JSON.parse(body), { id: admin, username: 'admin', ...sent })
  // The command for curl has the key in it.
  await update.block.locator('.curl-command').evaluate((element: any) => element.remove())
  await update.block
    .locator('.opblock-section-request-body')
    .evaluate((element: any) => element.scrollIntoView())
  await takePicture('swagger-ui-update')
})

t.test('a bad username is refused with what is wrong with it', async (t) => {
  const update = swagger.operation('Update Users')
  await update.body.fill('{ "username": "ada lovelace!" }')
  const { status, body } = await update.execute()
  t.equal(status, 400)
  t.match(JSON.parse(body), {
    code: 'invalid',
    username: [/^Enter a valid username\. This value may contain only letters, digits and/],
  })
})

t.test('a link to an operation opens it', async (t) => {
  const other = await openSwagger(service.url)
  for (const url of ['/docs#/groups/createGroup', '/docs/#/groups/createGroup']) {
    await other.page.goto('about:blank')
    await other.open(url)
    await other.operation('Create Group').body.waitFor()
    t.notOk(await other.operation('Update Users').isUnfolded(), url)
  }
})

t.test('it works below a path that only a proxy knows of', async (t) => {
  const origin = await startPrefixProxy(t, service.url, '/directory')
  for (const url of ['/docs', '/docs/']) {
    const proxied = await openSwagger(origin)
    await proxied.open(origin + url)
    await proxied.authorise('apiKey', key)
    const update = proxied.operation('Update Users')
    await update.unfold()
    t.equal((await update.execute()).status, 200, url)
  }
})
