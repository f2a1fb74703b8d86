// A disk that is full is told of once, and without a stack.
import { closeSync, openSync } from 'node:fs'
import t from 'tap'
import { type Ended, launch, run } from '../helpers/cli.js'
import { makeDirectory } from '../helpers/directory-files.js'

const FULL = '/dev/full'
const { env, put, importFile } = await makeDirectory(t)
const file = await put('{"username":"ada"}\nno user\n')
await importFile(file, '--skip-invalid')

/** With standard output on it. */
async function runOnFull(args: string[]): Promise<Ended> {
  const full = openSync(FULL, 'w')
  const { child, output, ended } = launch(args, env, [], full)
  closeSync(full)
  child.stdin!.end()
  return { status: await ended, ...output }
}

const CASES: Record<string, () => Promise<Ended>> = {
  'export to standard output': () => runOnFull(['export']),
  settings: () => runOnFull(['config']),
  'a list': () => runOnFull(['list-keys', '--json']),
  'export to a file': () => run(['export', '--output', FULL], env),
  'faults of an import': () => run(['import', file, '--errors', FULL, '--restart'], env),
}

for (const [name, work] of Object.entries(CASES))
  t.test(name, async (t) => {
    const { status, stderr } = await work()
    t.equal(status, 1)
    t.match(stderr, /^error: .* can't be written: ENOSPC/m)
    t.equal(stderr.match(/ENOSPC/g)?.length, 1, stderr)
    t.notMatch(stderr, /not expected|^ +at /m)
  })
