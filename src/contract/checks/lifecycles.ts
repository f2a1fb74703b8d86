/** A user and a group of the suite's own, from the first request to the last. */
import { randomBytes } from 'node:crypto'
import { FIELDS } from '../contract.js'
import type { User } from '../subject.js'
import type { Checks, World } from '../world.js'
import { NOWHERE, pointers } from './updating.js'

/** That nobody has. */
const newName = () => `contract.${randomBytes(9).toString('hex')}`

const newUser = () => ({ username: newName(), password: randomBytes(12).toString('base64') })

/** Makes something that is deleted when the check is over. */
async function make({ subject, made }: World, operationId: string, body: User) {
  const answer = await subject.call('POST', subject.document.pathOf(operationId), { body })
  if (answer.status !== 201) throw new Error(`${operationId}: ${answer.status} ${answer.text}`)
  const path = subject.pathIn(answer.headers.location!)
  made.add(path)
  return { answer, path, id: answer.body.id as number, body: answer.body as User }
}

export const lifecycles: Checks = {
  async 'a user is made, read, changed, replaced and deleted'(t, world) {
    const { subject } = world
    const { username, password } = newUser()
    const { path, id, body } = await make(world, 'createUser', { username, password })
    t.equal(path, subject.userPath(id), 'Location is where it is')
    t.strictSame(Object.keys(body), FIELDS)
    const { password: mask, date_joined: _now, ...rest } = body
    t.strictSame(rest, {
      id,
      last_login: null,
      is_superuser: false,
      username,
      first_name: '',
      last_name: '',
      email: '',
      is_staff: false,
      is_active: true,
      groups: [],
      user_permissions: [],
    })
    t.match(mask, /^\w+\$\*{8}$/, 'a password is never shown')
    t.strictSame((await subject.call('GET', path)).body, body)
    const again = await subject.call('POST', subject.document.pathOf('createUser'), {
      body: { username, password },
    })
    t.strictSame([again.status, pointers(again.body)], [400, { username: ['unique'] }], 'the name is taken')

    const { required = [] } = subject.document.schema('UserUpdate')
    const demanded = Object.fromEntries(required.map((field) => [field, body[field]]))
    const changed = await subject.call('PATCH', path, {
      body: { ...demanded, first_name: 'Ada', is_staff: true },
    })
    t.strictSame([changed.status, changed.body], [200, { ...body, first_name: 'Ada', is_staff: true }])
    const same = await subject.call('PUT', path, { body: changed.body })
    t.strictSame([same.status, same.body], [200, changed.body], 'what was read may be sent back')
    const replaced = await subject.call('PUT', path, { body: { username, password: mask } })
    t.strictSame([replaced.status, replaced.body], [200, body], 'what is absent has its default again')
    const faulty = await subject.call('PUT', path, { body: {} })
    t.strictSame(pointers(faulty.body), { username: ['required'], password: ['required'] })

    const gone = await subject.call('DELETE', path)
    t.strictSame([gone.status, gone.text], [204, ''])
    for (const method of ['GET', 'DELETE']) t.equal((await subject.call(method, path)).status, 404, method)
  },

  async 'a user that can not be made'(t, world) {
    const path = world.subject.document.pathOf('createUser')
    const found = async (body: unknown) => {
      const answer = await world.subject.call('POST', path, { body })
      // It must not stay, should a deployment make it after all.
      if (answer.status === 201) world.made.add(world.subject.pathIn(answer.headers.location!))
      return [answer.status, pointers(answer.body)]
    }
    t.strictSame(await found({}), [400, { username: ['required'], password: ['required'] }])
    t.strictSame(await found({ ...newUser(), colour: 'blue' }), [400, { colour: ['unknown'] }])
    t.strictSame(await found({ ...newUser(), groups: [NOWHERE] }), [400, { groups: ['does_not_exist'] }])
    t.strictSame(await found({ ...newUser(), email: 'x', user_permissions: [NOWHERE] }), [
      400,
      { email: ['invalid'], user_permissions: ['does_not_exist'] },
    ])
    const masks = ['argon2', 'pbkdf2_sha256', 'unknown'].map((name) => `${name}$********`)
    for (const password of [...masks, '!', ''])
      t.strictSame((await found({ ...newUser(), password })).slice(0, 1), [400], `the password ${password}`)
  },

  async 'a group is made, read, changed, replaced and deleted'(t, world) {
    const { subject } = world
    const permissions = (
      await subject.call('GET', `${subject.document.pathOf('listPermissions')}?page_size=2`)
    ).body.results.map(({ id }: User) => id)
    const name = newName()
    const { path, id, body } = await make(world, 'createGroup', { name: ` ${name} `, permissions })
    t.equal(path, subject.document.pathOf('readGroup').replace('{id}', String(id)))
    t.strictSame(body, { id, name, permissions })
    t.strictSame((await subject.call('GET', path)).body, body)
    const again = await subject.call('POST', subject.document.pathOf('createGroup'), { body: { name } })
    t.strictSame([again.status, pointers(again.body)], [400, { name: ['unique'] }])

    const renamed = newName()
    const changed = await subject.call('PATCH', path, { body: { name: renamed } })
    t.strictSame([changed.status, changed.body], [200, { id, name: renamed, permissions }])
    t.strictSame((await subject.call('PUT', path, { body: changed.body })).body, changed.body)
    const replaced = await subject.call('PUT', path, { body: { name } })
    t.strictSame([replaced.status, replaced.body], [200, { id, name, permissions: [] }])
    for (const [patch, expected] of [
      [{ permissions: [NOWHERE] }, { permissions: ['does_not_exist'] }],
      [
        { name: '', colour: 'blue' },
        { colour: ['unknown'], name: ['blank'] },
      ],
      [{ id: id + 1 }, { id: ['mismatch'] }],
    ] as const) {
      const refused = await subject.call('PATCH', path, { body: patch })
      t.strictSame([refused.status, pointers(refused.body)], [400, expected])
    }
    t.equal((await subject.call('DELETE', path)).status, 204)
    for (const method of ['GET', 'DELETE']) t.equal((await subject.call(method, path)).status, 404, method)
  },

  async 'a user joins a group, holds what it confers, and leaves it'(t, world) {
    const { subject } = world
    const [permission] = (await subject.call('GET', subject.document.pathOf('listPermissions'))).body.results
    const user = await make(world, 'createUser', newUser())
    const group = await make(world, 'createGroup', { name: newName(), permissions: [permission.id] })
    const url = (operationId: string) =>
      subject.document
        .pathOf(operationId)
        .replace('{id}', String(user.id))
        .replace('{group}', String(group.id))
        .replace('{permission}', permission.permission)
    const holds = async () => (await subject.call('GET', url('checkUserPermission'))).body.sources
    const call = async (method: string, operationId: string) => {
      for (const time of ['once', 'twice']) {
        const { status, text } = await subject.call(method, url(operationId))
        t.strictSame([status, text], [204, ''], `${operationId} ${time}`)
      }
    }
    t.equal(await holds(), undefined)
    await call('PUT', 'addUserToGroup')
    t.strictSame(await holds(), { own: false, groups: [group.id], superuser: false })
    await call('PUT', 'giveUserPermission')
    t.strictSame(await holds(), { own: true, groups: [group.id], superuser: false })
    const read = (await subject.call('GET', user.path)).body
    t.strictSame([read.groups, read.user_permissions], [[group.id], [permission.id]])

    const path = subject.document.pathOf('listGroupUsers').replace('{id}', String(group.id))
    t.strictSame((await subject.call('GET', path)).body.results, [read], 'the member of the group')
    const users = subject.document.pathOf('listUsers')
    for (const query of [
      `username=${read.username}`,
      `username__iexact=${read.username.toUpperCase()}`,
      `search=${read.username.slice(9).toUpperCase()}`,
      `group=${group.id}`,
      `group=${group.id}&permission=${permission.id}`,
    ]) {
      t.strictSame((await subject.call('GET', `${users}?${query}`)).body.results, [read], `found by ${query}`)
    }

    await call('DELETE', 'removeUserFromGroup')
    t.strictSame(await holds(), { own: true, groups: [], superuser: false })
    await call('DELETE', 'takeUserPermission')
    t.equal(await holds(), undefined)
    await subject.call('PUT', url('addUserToGroup'))
    t.equal((await subject.call('DELETE', group.path)).status, 204, 'a group with a member')
    t.strictSame((await subject.call('GET', user.path)).body.groups, [])
  },

  async 'many users are changed at once, or each for itself'(t, world) {
    const { subject } = world
    const users = [await make(world, 'createUser', newUser()), await make(world, 'createUser', newUser())]
    const { required = [] } = subject.document.schema('UserUpdate')
    const items = (patches: User[]) =>
      patches.map((patch, index) => {
        const { id, body } = users[index]!
        return { id, ...Object.fromEntries(required.map((field) => [field, body[field]])), ...patch }
      })
    const path = subject.document.pathOf('updateUsers')
    const call = (patches: User[], query = '') =>
      subject.call('PATCH', path + query, { body: items(patches) })
    const done = await call([{ first_name: 'A' }, { first_name: 'B' }])
    t.strictSame(
      [done.status, done.body.results.map(({ user }: User) => user)],
      [200, users.map(({ body }, index) => ({ ...body, first_name: 'AB'[index] }))],
    )
    const refused = await call([{ first_name: 'C' }, { email: 'nowhere' }])
    t.strictSame(
      [refused.status, refused.body.errors.map(({ pointer }: User) => pointer)],
      [400, ['/1/email']],
    )
    t.equal((await subject.call('GET', users[0]!.path)).body.first_name, 'A', 'nothing was written')
    const each = await call([{ first_name: 'C' }, { email: 'nowhere' }], '?atomic=false')
    t.strictSame([each.status, each.body.results.map(({ status }: User) => status)], [207, [200, 400]])
    t.equal((await subject.call('GET', users[0]!.path)).body.first_name, 'C')
  },

  async 'who makes the requests'(t, { subject, own }) {
    const { status, body } = await subject.call('GET', subject.document.pathOf('readMe'))
    t.strictSame([status, body.user], [200, own.original])
    const all = await subject.call('GET', `${subject.document.pathOf('listPermissions')}?page_size=1`)
    t.equal(body.permissions.length, all.body.count, 'a superuser holds every permission')
  },
}
