// `user-admin contract`: the black-box suite as a command, on a service that holds, and on what is none.
import t from 'tap'
import { startAnswering } from '../helpers/answering-server.js'
import { run } from '../helpers/cli.js'
import { startService } from '../helpers/service.js'

t.test('a service that holds', async (t) => {
  const service = await startService(t)
  const { id, key } = await service.makeCaller({
    groups: [await service.makeGroup([1])],
    user_permissions: [2],
  })
  const spare = await service.makeUser()
  const env = { CONTRACT_URL: service.url, CONTRACT_KEY: key }
  const { status, stdout, stderr } = await run(['contract', '--spare-user-id', String(spare)], env)
  t.equal(status, 0, stdout.match(/^ *not ok.*\n.*\n.*\n.*\n.*/gm)?.join('\n') ?? stderr)
  t.match(stdout, /^TAP version 14\n# Subtest: published\n {4}# Subtest: /)
  t.match(stdout, /^ok \d+ - the user of the key is as it was\n1\.\.\d+\n$/m)
  t.match(stderr, /^\d{3,} held, 0 did not, \d+ skipped\n$/)
  t.notMatch(stdout + stderr, key)
  const { body } = await service.request('GET', `/admin/users/${id}/history/?page_size=1`, { key })
  t.ok(body.count > 0, 'it was that user who was changed')
})

t.test('nothing that could be checked', async (t) => {
  const empty = await startAnswering(t, () => ({ status: 404 }))
  const notThere = await run(['contract', '--url', empty, '--key', 'x'], {})
  t.strictSame(
    [notThere.status, notThere.stdout, notThere.stderr],
    [2, '', 'error: Nothing could be checked: /openapi.json was answered with 404, not with a document\n'],
  )
  const service = await startService(t)
  const noKey = await run(['contract', '--url', service.url, '--key', 'x'], {})
  t.equal(noKey.status, 2)
  t.match(noKey.stderr, /does not say whose key it is: 401/)
  const { id, key } = await service.makeCaller()
  const suicidal = await run(['contract', '--url', service.url, '--spare-user-id', String(id)], {
    CONTRACT_KEY: key,
  })
  t.match(suicidal, { status: 2, stdout: '', stderr: /spare user must be another one/ })
  const staff = await service.makeCaller({
    is_superuser: false,
    user_permissions: [await service.findPermission('view_user'), await service.findPermission('view_group')],
  })
  const mere = await run(['contract', '--url', service.url], { CONTRACT_KEY: staff.key })
  t.match(mere, { status: 2, stdout: '', stderr: `active staff superuser: the user ${staff.id} is none` })
  const misuse = await run(['contract', '--url', 'nowhere', '--key', 'x'], {})
  t.equal(misuse.status, 2)
  t.match(misuse.stderr, /must be a URL/)
})
