/** What docs/command-line.md shows is run as it stands there. */
import { execFile } from 'node:child_process'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { quote } from '../../src/cli/names.js'
import { folder, PROGRAM } from '../helpers/cli.js'
import { startService } from '../helpers/service.js'

const PAGE = path.resolve(import.meta.dirname, '../../docs/command-line.md')

t.test('every block runs, beside a service with its first key', async (t) => {
  const service = await startService(t)
  const { key } = await service.makeCaller({ username: 'admin' })
  // Somebody has to stay: the page deactivates the admin, if only to see what that would do.
  await service.makeCaller({ username: 'other' })
  const home = await folder(t)
  await writeFile(path.join(home, 'api-key'), key)
  const command = path.join(home, 'user-admin')
  await writeFile(command, `#!/bin/sh\nexec ${PROGRAM.map(quote).join(' ')} "$@"\n`)
  await chmod(command, 0o755)
  const blocks = [...(await readFile(PAGE, 'utf8')).matchAll(/^```sh\n(.*?)^```$/gms)].map(
    ([, text]) => text!,
  )
  t.equal(blocks.length, 4)
  const { hostname: HOST, port: PORT } = new URL(service.url)
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', blocks.join('\n')], {
    cwd: home,
    env: {
      PATH: `${home}:${process.env.PATH}`,
      HOST,
      PORT,
      DATA_DIR: home,
      DATABASE_URL: service.databaseUrl,
    },
  })
  t.match(stdout, /^is_active: true → false$/m)
  t.match(stdout, /^password: /m)
  t.match(stdout, /^email: .* → "ada@example\.com"$/m)
  t.match(stdout, /^the key begins with uak_.{4}$/m)
  t.match(stdout, /^it ended with 1$/m)
})
