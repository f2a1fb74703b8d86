/** Which service is asked, with which key, and what is said where that comes to nothing. */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { dataOf } from '../../../src/client/index.js'
import { CommandError, explainAsJson } from '../../../src/cli/failure.js'
import { type ConnectOptions, withService } from '../../../src/cli/users/connect.js'
import { HTML_HEADERS, startAnswering } from '../../helpers/answering-server.js'
import { folder } from '../../helpers/cli.js'
import { freePort } from '../../helpers/free-port.js'
import { startService } from '../../helpers/service.js'

const service = await startService(t)
const { key } = await service.makeCaller({ username: 'boss' })
const env = { USER_ADMIN_URL: service.url, USER_ADMIN_KEY: key }

/** Whom the service takes the caller for, or what is said instead. */
async function connect(options: ConnectOptions, environment: NodeJS.ProcessEnv = env, path?: 'users') {
  try {
    return await withService(
      options,
      async (client) => {
        if (path === 'users') await dataOf(client.GET('/admin/users/', { params: { query: { group: 'x' } } }))
        return (await dataOf(client.GET('/admin/me/')))!.user.username
      },
      environment,
    )
  } catch (error) {
    if (error instanceof CommandError) return { error, said: error.message, status: error.exitCode }
    throw error
  }
}

t.test('where the service is', async (t) => {
  const { hostname, port } = new URL(service.url)
  const settings = { HOST: hostname, PORT: port, USER_ADMIN_KEY: key }
  t.equal(await connect({}, settings), 'boss', 'by the settings of the service')
  t.equal(
    await connect({}, { ...settings, HOST: '0.0.0.0' }),
    'boss',
    'every address has that of this machine',
  )
  t.equal(await connect({}), 'boss', 'by USER_ADMIN_URL')
  t.equal(await connect({ url: `${service.url}/admin/` }, { USER_ADMIN_KEY: key }), 'boss', 'as it greets')
  t.equal(await connect({ url: service.url }, { ...env, USER_ADMIN_URL: 'http://127.0.0.1:1' }), 'boss')
  t.match(await connect({}, { PORT: '0', USER_ADMIN_KEY: key }), { said: /^PORT=0 is any port/, status: 1 })
  for (const url of ['nonsense', 'ftp://host/', 'https://host/?q', 'https://ada:s3cret@host/']) {
    const { said, status } = (await connect({ url })) as { said: string; status: number }
    t.match(said, /^--url or USER_ADMIN_URL must /, url)
    t.equal(status, 2)
    t.notMatch(said, 's3cret')
  }
})

t.test('where the key comes from', async (t) => {
  const DATA_DIR = await folder(t)
  const file = path.join(DATA_DIR, 'api-key')
  const { hostname: HOST, port: PORT } = new URL(service.url)
  const ours = { HOST, PORT, DATA_DIR }
  t.match(await connect({}, ours), { said: `There is no key: set USER_ADMIN_KEY`, status: 1 })
  await writeFile(file, `${key}\n`)
  t.equal(await connect({}, ours), 'boss', 'the first key, for the service of the settings')
  t.match(await connect({ url: service.url }, ours), { said: 'There is no key' }, 'and for no other')
  t.equal(await connect({ url: service.url, keyFile: file }, ours), 'boss')
  t.equal(await connect({ keyFile: file }, { ...env, USER_ADMIN_KEY: 'wrong' }), 'boss')
  t.match(await connect({ keyFile: '/no/such/file' }), { said: /^The key can't be read: ENOENT/ })
  await writeFile(file, `${key}\ns3cret\n`)
  t.match(await connect({ keyFile: file }), { said: `${file} holds no key.` })
})

t.test('what is refused is said, with what to do', async (t) => {
  const wrong = await connect({}, { ...env, USER_ADMIN_KEY: 'uak_s3cret' })
  t.match(wrong, { status: 1, said: /\(401 authentication_failed\)\nCheck the key in USER_ADMIN_KEY\.$/ })
  t.notMatch((wrong as { said: string }).said, 's3cret')
  const clerk = await service.makeCaller({ is_superuser: false })
  const forbidden = await connect({}, { ...env, USER_ADMIN_KEY: clerk.key }, 'users')
  t.match(forbidden, { said: /\(403 permission_denied\)\n {2}missing permissions: auth\.view_user/ })
  const faulty = (await connect({}, env, 'users')) as { said: string; error: unknown }
  t.match(faulty.said, /group must be an id.* \(400 invalid\)$/)
  t.match(explainAsJson(faulty.error), { error: faulty.said, problem: { code: 'invalid', status: 400 } })
})

t.test('no service, and something else in its place', async (t) => {
  const nowhere = `http://127.0.0.1:${await freePort()}`
  t.match(await connect({ url: nowhere }), {
    said: `No service answers at ${nowhere}/admin: connect ECONNREFUSED`,
    status: 1,
  })
  const page = await startAnswering(t, () => ({ status: 200, headers: HTML_HEADERS, body: '<html>' }))
  t.match(await connect({ url: page }), {
    said: `The answer is no JSON. Check that ${page}/admin is the API`,
  })
  const gone = await startAnswering(t, () => ({ status: 404, headers: HTML_HEADERS, body: '<html>' }))
  t.match(await connect({ url: gone }), { said: /^HTTP 404, and no problem document\. Check that / })
})
