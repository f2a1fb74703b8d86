/** `PATCH` of one user: what changes, and what stays. */
import type { User } from '../subject.js'
import type { Checks } from '../world.js'
import { NEEDS_SPARE } from '../world.js'

/** A new value for each field that any user can be given without locking anybody out. */
const HARMLESS: Record<string, unknown> = {
  last_login: '2024-02-29T08:30:00.000001Z',
  username: `contract.${Math.random().toString(36).slice(2)}@+-_`,
  first_name: 'Añelka-Łucja',
  last_name: "O'Brien 李 𝒳",
  email: 'Contract.Test+tag@example.com',
  date_joined: '1999-12-31T23:59:59.999999Z',
}

export const updating: Checks = {
  async 'one field changes, and no other'(t, { own }) {
    if (!own.canPutBack('last_name')) return void t.pass('', { skip: 'the last name could not be put back' })
    const { status, body } = await own.update({ last_name: 'Changed' })
    t.equal(status, 200)
    t.strictSame(body, { ...own.original, last_name: 'Changed' })
    t.strictSame(await own.user(), body, 'which is read back')
  },

  async 'several fields change at once'(t, { own }) {
    const fields = Object.keys(HARMLESS).filter((field) => own.canPutBack(field))
    const patch = Object.fromEntries(fields.map((field) => [field, HARMLESS[field]]))
    const { status, body } = await own.update(patch)
    t.strictSame([status, body], [200, { ...own.original, ...patch }])
    t.strictSame(await own.user(), body)
  },

  async 'each field can be written, read back and put back'(t, { own }) {
    for (const [field, value] of Object.entries(HARMLESS)) {
      if (!own.canPutBack(field)) {
        t.pass(field, { skip: 'its value could not be put back' })
        continue
      }
      const answer = await own.update({ [field]: value })
      t.strictSame([answer.status, answer.body], [200, { ...own.original, [field]: value }], field)
      t.strictSame(await own.user(), answer.body, `${field} is read back`)
      const restored = await own.update({ [field]: own.original[field] })
      t.strictSame([restored.status, restored.body], [200, own.original], `${field} is put back`)
    }
  },

  async 'each flag can be switched and switched back'(t, { spare }) {
    for (const flag of ['is_superuser', 'is_staff', 'is_active']) {
      if (spare === undefined) {
        t.pass(flag, NEEDS_SPARE)
        continue
      }
      for (const value of [!spare.original[flag], spare.original[flag]]) {
        const { status, body } = await spare.update({ [flag]: value })
        t.strictSame([status, body[flag]], [200, value], flag)
        t.strictSame(await spare.user(), body)
      }
    }
  },

  async 'a body without fields changes nothing'(t, { subject, own }) {
    const { text } = await own.read()
    t.equal((await own.update({})).text, text)
    const { required = [] } = subject.document.schema('UserUpdate')
    for (const rawBody of ['', '{}']) {
      const answer = await subject.call('PATCH', own.path, { rawBody })
      if (required.length === 0) t.strictSame([answer.status, answer.text], [200, text])
      else t.strictSame([answer.status, Object.keys(pointers(answer.body))], [400, required])
    }
    const without = await subject.call('PATCH', own.path)
    t.equal(without.status, required.length === 0 ? 200 : 400, 'no body at all')
  },

  async 'the whole user sent back changes nothing'(t, { subject, own, spare }) {
    for (const account of [own, ...(spare ? [spare] : [])]) {
      const { text, body } = await account.read()
      for (const path of [account.path, account.path.slice(0, -1), `${account.path}?format=json`]) {
        const answer = await subject.call('PATCH', path, { body })
        t.strictSame([answer.status, answer.text], [200, text], path)
      }
      t.equal((await account.read()).text, text)
    }
  },

  async 'an id in the body must be that of the URL'(t, { own }) {
    t.equal((await own.update({ id: own.id })).status, 200)
    for (const id of [own.id + 1, 0, -1, own.id + 0.5, String(own.id), null, [own.id], 2 ** 53]) {
      const { status, body } = await own.update({ id })
      t.strictSame(
        [status, Object.keys(pointers(body)), Object.hasOwn(body, 'id')],
        [400, ['id'], true],
        `${id}`,
      )
    }
  },

  async 'what was refused was not written'(t, { own }) {
    const answer = await own.update({ first_name: 'Nobody', is_staff: 'yes' })
    t.equal(answer.status, 400)
    t.strictSame(await own.user(), own.original)
  },
}

/** No table reaches it. */
export const NOWHERE = Number.MAX_SAFE_INTEGER

/**
 * A patch that must be refused, with another fault that the database finds: a deployment that takes the
 * value after all must not lock out the user of the key.
 */
export function hopeless(field: string, value: unknown): User {
  const other = field === 'groups' ? 'user_permissions' : 'groups'
  return { [field]: value, [other]: [NOWHERE] }
}

/** Those codes of a problem that are not the fault of `hopeless`; undefined where that one is missing. */
export function codesOf(field: string, problem: Parameters<typeof pointers>[0]): string[] | undefined {
  const { [field]: codes, ...others } = pointers(problem)
  return Object.values(others).flat().join() === 'does_not_exist' ? codes : undefined
}

/** The fields at fault, with their codes. */
export function pointers(problem: {
  errors?: { pointer: string; code: string }[]
}): Record<string, string[]> {
  const found: Record<string, string[]> = {}
  for (const { pointer, code } of problem.errors ?? []) (found[pointer.split('/')[1] ?? ''] ??= []).push(code)
  return found
}
