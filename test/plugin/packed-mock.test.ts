// The mock as it is published: the example's pact is written and kept, and the command runs.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { packInto, ROOT } from '../helpers/packed.js'
import { requester } from '../helpers/service.js'

const run = promisify(execFile)
const { host } = await packInto(t)
const compiler = path.join(ROOT, 'node_modules/typescript/bin/tsc')
// tap's hooks are for our own process alone.
const env = { PATH: process.env.PATH, HOME: process.env.HOME, PACT_DO_NOT_TRACK: 'true' }

const compile = (folder: string) =>
  run('node', [compiler, '-p', folder]).catch(({ stdout }: { stdout: string }) => ({ stdout }))
const runTest = (folder: string, file: string) =>
  run('node', ['--test', '--test-reporter=tap', file], { cwd: folder, env }).catch(
    ({ stdout }: { stdout: string }) => ({ stdout }),
  )

t.test('the example', async (t) => {
  const example = path.join(host, 'consumer-contract')
  cpSync(path.join(ROOT, 'examples/consumer-contract'), example, { recursive: true })
  t.equal((await compile(example)).stdout, '')
  t.match((await runTest(example, 'dist/consumer.test.js')).stdout, /^# pass 3\n# fail 0$/m)
  t.ok(existsSync(path.join(example, 'pacts/leavers-fastify-user-admin.json')))
  const { stdout } = await runTest(example, 'dist/provider.test.js')
  t.match(stdout, /^# pass 1\n# fail 0$/m, stdout)

  t.test('a pact that the service does not keep fails', async (t) => {
    const file = path.join(example, 'pacts/leavers-fastify-user-admin.json')
    writeFileSync(file, readFileSync(file, 'utf8').replace('"permission_denied"', '"not_today"'))
    t.match((await runTest(example, 'dist/provider.test.js')).stdout, /^# pass 0\n# fail 1$/m)
  })
})

t.test('the command', async (t) => {
  const main = path.join(host, 'node_modules/fastify-user-admin/dist/src/cli/main.js')
  const child = spawn(process.execPath, [main, 'mock', '--json'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'close')
  t.teardown(() => child.kill())
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const { url, keys } = JSON.parse(line.toString()) as { url: string; keys: Record<string, string> }
  const answer = await requester(url)('PATCH', '/admin/users/2/', {
    key: keys.admin!,
    body: { last_name: 'King' },
  })
  t.match(answer, { status: 200, body: { username: 'ada', last_name: 'King' } })
  child.kill('SIGTERM')
  t.strictSame(await ended, [0, null])
})
