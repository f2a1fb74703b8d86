// A disk that is full is told of once, and without a stack.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import os from 'node:os'
import t from 'tap'
import { quote } from '../../src/cli/names.js'
import { type Ended, PROGRAM, run } from '../helpers/cli.js'
import { makeDirectory } from '../helpers/directory-files.js'

const FULL = '/dev/full'
const { env, put, importFile } = await makeDirectory(t)
const file = await put('{"username":"ada"}\nno user\n')
await importFile(file, '--skip-invalid')

/** With standard output on it. */
async function runOnFull(args: string[]): Promise<Ended> {
  const command = `${[...PROGRAM, ...args].map(quote).join(' ')} >${FULL}`
  const child = spawn('sh', ['-c', command], {
    cwd: os.tmpdir(),
    env: { PATH: process.env.PATH ?? '', HOME: os.tmpdir(), ...env },
  })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const [status] = await once(child, 'close')
  return { status, stdout: '', stderr }
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
