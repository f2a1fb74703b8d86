// The examples that run by themselves, compiled against the packed tarball and run as their READMEs say.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { until } from '../helpers/until.js'
import { freePort } from '../helpers/free-port.js'
import { packInto, ROOT } from '../helpers/packed.js'
import { requester, startService } from '../helpers/service.js'

const { host } = await packInto(t)
const service = await startService(t)
const { key } = await service.makeCaller({ username: 'boss' })

/** Compiles an example and returns its folder. */
async function compile(t: Test, name: string): Promise<string> {
  const example = path.join(host, name)
  cpSync(path.join(ROOT, 'examples', name), example, { recursive: true })
  const compiler = path.join(ROOT, 'node_modules/typescript/bin/tsc')
  const { stdout } = await promisify(execFile)('node', [compiler, '-p', example, '--listFiles']).catch(
    (error: { stdout: string }) => error,
  )
  t.match(stdout, `${host}/node_modules/fastify-user-admin/dist/`, 'against the package')
  t.same(
    stdout.split('\n').filter((line) => line.includes('error TS')),
    [],
  )
  return example
}

/** Starts it until the test is over. */
function start(t: Test, example: string, env: Record<string, string>) {
  const child = spawn('env', ['-u', 'NODE_OPTIONS', process.execPath, 'dist/index.js'], {
    cwd: example,
    env: { PATH: process.env.PATH ?? '', ...env },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
  const ended = once(child, 'close')
  const end = async () => {
    child.kill('SIGTERM')
    return (await ended)[0] as number | null
  }
  t.teardown(end)
  return { said: () => output, end }
}

t.test('an app of its own with the directory in it', async (t) => {
  const example = await compile(t, 'host-app')
  const port = await freePort()
  const { said, end } = start(t, example, { DATABASE_URL: service.databaseUrl, PORT: String(port) })
  const url = `http://127.0.0.1:${port}`
  await until(() => said().includes('Server listening'))
  const request = requester(url)
  const team = await request('GET', '/team')
  t.same(team.body, [{ username: 'boss', groups: 0 }], 'the same tables')
  const id = await service.makeUser()
  const updated = await request('PATCH', `/directory/users/${id}/`, { key, body: { first_name: 'Eva' } })
  t.match(updated, { status: 200, body: { first_name: 'Eva' } })
  const { body: document } = await request('GET', '/openapi.json')
  t.match(document, {
    info: { title: 'Orders' },
    paths: { '/team': Object, '/directory/users/{id}/': Object },
  })
  t.equal(await end(), 0, said())
})

t.test('a service that calls the directory', async (t) => {
  const example = await compile(t, 'calling-service')
  const port = await freePort()
  const env = { DIRECTORY_URL: service.url, DIRECTORY_KEY: key, PORT: String(port) }
  const ada = await service.makeUser({ username: 'ada', groups: [await service.makeGroup()] })
  const left = (username: string) =>
    requester(`http://127.0.0.1:${port}`)('POST', '/left', { body: { username } })

  const first = start(t, example, env)
  await until(() => first.said().includes('listening'))
  t.equal((await left('ada')).status, 204)
  t.equal((await left('nobody')).status, 404)
  t.equal((await left('boss')).status, 409, 'somebody has to stay')
  const read = await service.request('GET', `/admin/users/${ada}/`, { key })
  t.match(read.body, { is_active: false, groups: [] })
  await until(() => first.said().includes(`closing the mailbox of user ${ada}\n`))
  await until(() => Number(readFileSync(path.join(example, 'position'), 'utf8')) > 0)
  t.equal(await first.end(), 0, first.said())

  const eva = await service.makeUser({ username: 'eva' })
  await service.request('PATCH', `/admin/users/${eva}/`, { key, body: { is_active: false } })
  const second = start(t, example, env)
  await until(() => second.said().includes(`closing the mailbox of user ${eva}\n`))
  t.notMatch(second.said(), `of user ${ada}\n`, 'it goes on where it stopped')
  const directory = await freePort()
  const third = start(t, example, { ...env, PORT: '0', DIRECTORY_URL: `http://127.0.0.1:${directory}` })
  await until(() => third.said().includes('the events can not be followed: fetch failed'))
  t.equal(await third.end(), 0, `an outage does not end it\n${third.said()}`)
})
