import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import tap from 'tap'

const run = promisify(execFile)

/** What V8 says of flags, it says on standard error alone. */
const stderrOf = async (code: string) => {
  const { stderr } = await run(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
    env: { PATH: process.env.PATH },
  })
  return stderr
}

tap.test('V8 knows the flag', async (t) => {
  const module = new URL('../../src/ops/garbage-collection.js', import.meta.url)
  t.notMatch(await stderrOf(`import { makeAllYoung } from '${module}'; makeAllYoung()`), /pretenuring/)
  t.match(
    await stderrOf("import { setFlagsFromString } from 'node:v8'; setFlagsFromString('--none-such')"),
    /--none-such/,
    'and says so of one that it does not know',
  )
})
