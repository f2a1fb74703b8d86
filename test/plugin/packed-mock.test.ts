// The mock as it is published: the example's pact is written and kept.
import { execFile } from 'node:child_process'
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { packInto, ROOT } from '../helpers/packed.js'

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
