// `user-admin mock`, as it is started from a shell or by a script in any language.
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import t, { type Test } from 'tap'
import { isPostmasterOf } from '../../src/db/embedded/os.js'
import { type Environment, folder, launch, run } from '../helpers/cli.js'
import { until } from '../helpers/until.js'
import { requester } from '../helpers/service.js'

/** Runs `mock` until the test is over. */
function start(t: Test, args: string[] = [], env: Environment = {}) {
  const running = launch(['mock', ...args], env)
  t.teardown(async () => {
    running.child.kill('SIGTERM')
    await running.ended
  })
  const firstLine = async () => (await printed(running, /^.+\n/))[0]
  return { ...running, firstLine }
}

/** What it has printed, once that matches. As long as it takes: other tests may keep the machine busy. */
async function printed(
  { child, output, ended }: ReturnType<typeof launch>,
  wanted: RegExp,
): Promise<RegExpExecArray> {
  let status: number | null | undefined
  void ended.then((code) => (status = code))
  for (;;) {
    const found = wanted.exec(output.stdout)
    if (found !== null) return found
    if (status !== undefined) throw new Error(`it ended with ${status}: ${output.stderr}`)
    await Promise.race([once(child.stdout!, 'data'), ended])
  }
}

const foldersOf = (pid: number): string[] =>
  readdirSync(os.tmpdir())
    .filter((name) => name.startsWith(`ua-mock-${pid}-`))
    .map((name) => path.join(os.tmpdir(), name))

const serverIn = (folder: string): number =>
  Number(readFileSync(path.join(folder, 'postgres/postmaster.pid'), 'utf8').split('\n')[0])

t.test('prints one line of JSON when it is ready, and ends with a signal', async (t) => {
  const { child, ended, output, firstLine } = start(t, ['--json', '--fixtures', 'team'], { HOST: '0.0.0.0' })
  const { url, keys, users, groups } = JSON.parse(await firstLine())
  t.match(url, /^http:\/\/127\.0\.0\.1:\d+$/, 'whatever HOST says')
  t.strictSame(
    [users.ada, groups.editors],
    [
      { id: 2, username: 'ada' },
      { id: 1, name: 'editors' },
    ],
  )
  const answer = await requester(url)('GET', '/admin/users/2/', { key: keys.ada })
  t.strictSame([answer.status, answer.body.username], [200, 'ada'])
  t.equal(foldersOf(child.pid!).length, 1)
  child.kill('SIGINT')
  t.equal(await ended, 0)
  t.strictSame([output.stderr, foldersOf(child.pid!)], ['', []])
})

t.test('prints what to type', async (t) => {
  const running = start(t, ['--fixtures', 'crowd'], { PREFIX: '/people' })
  const [text] = await printed(running, /^[^]*Ctrl-C.*\n\n$/)
  t.match(text, /^Service {5}http:\/\/127\.0\.0\.1:\d+\/people\/$/m)
  t.match(text, /^ +2 ada +uak_mock-ada-0+$/m)
  t.match(text, /and 243 more/)
  running.child.kill('SIGTERM')
  t.equal(await running.ended, 0)
})

t.test('nothing is left when it is killed', async (t) => {
  const { child, ended, firstLine } = start(t, ['--json', '--fixtures', 'empty'])
  await firstLine()
  const [made] = foldersOf(child.pid!)
  const server = serverIn(made!)
  t.ok(await isPostmasterOf(server, path.join(made!, 'postgres')))
  child.kill('SIGKILL')
  await ended
  await until(() => foldersOf(child.pid!).length === 0)
  await until(async () => !(await isPostmasterOf(server, path.join(made!, 'postgres'))))
})

t.test('fixtures of a file, on a port', async (t) => {
  const file = path.join(await folder(t), 'fixtures.json')
  await writeFile(file, JSON.stringify({ users: { zoe: { is_superuser: true, is_staff: true } } }))
  const { firstLine } = start(t, ['--json', '--fixtures-file', file])
  const { url, keys } = JSON.parse(await firstLine())
  t.strictSame(Object.keys(keys), ['zoe'])

  const { status, stderr } = await run(['mock', '--port', new URL(url).port], {})
  t.equal(status, 1)
  t.match(stderr, /^error: Port \d+ of 127\.0\.0\.1 is in use\. .*--port.*\n$/)

  await writeFile(file, JSON.stringify({ users: { zoe: { is_super: true } } }))
  const wrong = await run(['mock', '--fixtures-file', file], {})
  t.equal(wrong.status, 1)
  t.match(wrong.stderr, `error: ${file}: These are no fixtures: /users/zoe/is_super: `)
  const missing = await run(['mock', '--fixtures-file', `${file}x`], {})
  t.match(missing.stderr, /^error: The fixtures can't be read: ENOENT/)
})

t.test('misuse', async (t) => {
  for (const [args, message] of [
    [['--fixtures', 'nobody'], /Allowed choices are empty, team, crowd/],
    [['--port', 'x'], /from 0 to 65535/],
    [['--fixtures', 'team', '--fixtures-file', 'x'], /cannot be used with/],
  ] as const) {
    const { status, stderr } = await run(['mock', ...args], {})
    t.equal(status, 2, args.join(' '))
    t.match(stderr, message)
  }
  const { status, stderr } = await run(['mock'], { PAGE_SIZE: 'x' })
  t.equal(status, 1)
  t.match(stderr, /PAGE_SIZE=x/)
})
