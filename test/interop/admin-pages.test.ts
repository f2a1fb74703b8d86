/** Django's admin in a browser: it edits users of ours, and its History pages show what we changed. */
import type { Page } from 'playwright-core'
import t from 'tap'
import { verifyPassword } from '../../src/domain/passwords/registry.js'
import { saveUser, type UserForm } from './admin-form.js'
import { startBoth } from './both.js'
import { logInAt, openBrowser } from './browser.js'
import { logIn, type Visitor } from './visitor.js'

const { django, service } = await startBoth(t, { first: 'ours', settings: { DJANGO_ADMIN_LOG: 'on' } })
const { request, makeUser, makeKey, findPermission, pool } = service
const openPage = await openBrowser(t)

// Somebody who works on both sides.
const ada = await makeUser({
  username: 'ada',
  first_name: '',
  last_name: '',
  password: await django.ask('make_password', { password: 'edits' }),
  is_staff: true,
  is_superuser: true,
})
const key = await makeKey(ada)
const page = await openPage(django.url)
await logInAt(page, 'ada', 'edits')

async function send(method: string, path: string, body?: unknown): Promise<any> {
  const answer = await request(method, `/admin/${path}`, { key, body })
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.text}`)
  return answer.body
}

/** Clicks, and waits for the page that it leads to. */
async function submit(page: Page, selector: string): Promise<string> {
  await Promise.all([page.waitForNavigation(), page.click(selector)])
  return page.locator('.messagelist').innerText()
}

/** Moves one of the available ones to the chosen ones. */
async function choose(page: Page, field: string, id: number): Promise<void> {
  await page.selectOption(`#id_${field}_from`, `${id}`)
  await page.click(`.field-${field} .selector-add`)
}

t.test('it edits a user that we made, and we read what it wrote', async (t) => {
  const editors = await send('POST', 'groups/', { name: 'editors', permissions: [] })
  const viewers = await send('POST', 'groups/', { name: 'viewers', permissions: [] })
  const made = await send('POST', 'users/', {
    username: 'grace',
    password: 'set by us',
    first_name: 'Grace',
    last_name: 'Murray',
    email: 'grace@example.com',
    date_joined: '2024-01-15T09:00:00Z',
    groups: [viewers.id],
  })
  await page.goto(`/django-admin/auth/user/${made.id}/change/`)
  t.equal(await page.inputValue('#id_username'), 'grace')
  t.equal(await page.inputValue('#id_first_name'), 'Grace')
  t.match(await page.innerText('.field-password'), /algorithm: pbkdf2_sha256/)
  t.strictSame(await page.locator('#id_groups_to option').allInnerTexts(), ['viewers'])

  await page.fill('#id_last_name', 'Hopper')
  await page.fill('#id_email', 'hopper@example.com')
  await page.check('#id_is_staff')
  await choose(page, 'groups', editors.id)
  const viewUser = await findPermission('view_user')
  await choose(page, 'user_permissions', viewUser)
  t.match(await submit(page, '[name=_save]'), 'was changed successfully')
  const { password: _, ...expected } = made
  t.match(await send('GET', `users/${made.id}/`), {
    ...expected,
    last_name: 'Hopper',
    email: 'hopper@example.com',
    is_staff: true,
    groups: [editors.id, viewers.id],
    user_permissions: [viewUser],
  })

  await page.goto(`/django-admin/auth/user/${made.id}/password/`)
  await page.fill('#id_password1', 'set by Django')
  await page.fill('#id_password2', 'set by Django')
  t.match(await submit(page, '#content [type=submit]'), 'Password changed')
  const { rows } = await pool.query('select password from auth_user where id = $1', [made.id])
  t.ok(await verifyPassword('set by Django', rows[0].password))
  t.equal((await send('GET', `users/${made.id}/`)).password, 'pbkdf2_sha256$********')
})

/** Who did what to an object, as its History page has it; oldest first. */
async function history(page: Page, model: string, id: number): Promise<string[]> {
  await page.goto(`/django-admin/auth/${model}/${id}/history/`)
  return page
    .locator('#change-history tbody tr')
    .evaluateAll((rows: any[]) =>
      rows.map(({ cells }) => `${cells[1].textContent.trim()}: ${cells[2].textContent.trim()}`),
    )
}

const JOINED = '2024-01-15T09:00:00Z'
const permission = await findPermission('change_user')
const { id: group } = await send('POST', 'groups/', { name: 'history', permissions: [] })

const CHANGES_OF_USERS: Omit<UserForm, 'username'>[] = [
  { first_name: 'Ada' },
  { last_name: 'Lovelace' },
  { email: 'ada@example.com' },
  { is_active: false },
  { is_active: true },
  { is_staff: true },
  { is_superuser: true },
  { groups: [group] },
  { user_permissions: [permission] },
  { last_login: '2024-02-03T04:05:06Z' },
  { date_joined: '2024-02-03T04:05:06Z' },
  { groups: [], first_name: 'A' },
  {
    date_joined: JOINED,
    last_login: '2024-02-03T04:05:07Z',
    user_permissions: [],
    groups: [group],
    is_superuser: false,
    is_staff: false,
    is_active: false,
    email: 'a@example.com',
    last_name: 'L',
    first_name: 'B',
  },
]

t.test('History pages show our changes in the words that Django has for its own', async (t) => {
  const visitor = await logIn(django, 'ada', 'edits')
  const add = async (model: string, form: Parameters<Visitor['post']>[1]): Promise<number> => {
    const { headers } = await visitor.post(`/django-admin/auth/${model}/add/`, { ...form, _continue: true })
    return Number(/\/(\d+)\/change\/$/.exec(headers.location ?? '')?.[1])
  }
  const edit = async (path: string, form: Parameters<Visitor['post']>[1]) =>
    t.equal((await visitor.post(`/django-admin/auth/${path}/`, form)).status, 302, path)
  const passwords = (password: string) => ({ password1: password, password2: password })

  const users = {
    ours: (await send('POST', 'users/', { username: 'by-us', password: 'one' })).id,
    djangos: await add('user', { username: 'by-django', ...passwords('some sentence') }),
  }
  // Django's form knows no fractions of a second, and would take them for a change.
  await pool.query('update auth_user set date_joined = $2 where id = any($1)', [Object.values(users), JOINED])
  let form: UserForm = { username: 'by-django', first_name: '', last_name: '', email: '' }
  for (const change of CHANGES_OF_USERS) {
    const joined = form.date_joined
    form = { ...form, ...change }
    t.equal((await saveUser(visitor, users.djangos, form, joined)).status, 302)
    await send('PATCH', `users/${users.ours}/`, change)
  }
  await send('PATCH', `users/${users.ours}/`, { username: 'renamed-by-us' })
  await saveUser(visitor, users.djangos, { ...form, username: 'renamed-by-django' })
  await send('PATCH', `users/${users.ours}/`, { password: 'another sentence' })
  await edit(`user/${users.djangos}/password`, passwords('another sentence'))

  const groups = {
    ours: (await send('POST', 'groups/', { name: 'by us', permissions: [] })).id,
    djangos: await add('group', { name: 'by Django' }),
  }
  for (const change of [
    { name: 'renamed' },
    { permissions: [permission] },
    { permissions: [], name: 'again' },
  ]) {
    const { name = 'renamed', permissions = [] } = change
    await send('PATCH', `groups/${groups.ours}/`, {
      ...change,
      ...('name' in change ? { name: `${name} by us` } : {}),
    })
    await edit(`group/${groups.djangos}/change`, { name: `${name} by Django`, permissions })
  }

  const german = await openPage(django.url, 'de-DE')
  await german.context().addCookies(await page.context().cookies())
  for (const [model, { ours, djangos }, count] of [
    ['user', users, CHANGES_OF_USERS.length + 3],
    ['group', groups, 4],
  ] as const) {
    const shown = await history(page, model, ours)
    t.equal(shown.length, count)
    t.strictSame(shown, await history(page, model, djangos), model)
    const deutsch = await history(german, model, ours)
    t.ok(deutsch.some((line) => line.endsWith('geändert.')))
    t.strictSame(deutsch, await history(german, model, djangos), `${model}, in German`)
  }
})

t.test('what is deleted is among the recent actions', async (t) => {
  const visitor = await logIn(django, 'ada', 'edits')
  const names = ['gone-by-us', 'gone-by-django'] as const
  const [ours, djangos] = [await makeUser({ username: names[0] }), await makeUser({ username: names[1] })]
  await send('DELETE', `users/${ours}/`)
  await visitor.post(`/django-admin/auth/user/${djangos}/delete/`, { post: 'yes' })
  await page.goto('/django-admin/')
  const actions = await page
    .locator('.actionlist li')
    .evaluateAll((items: any[]) => items.map(({ className, innerText }) => `${className} ${innerText}`))
  const [djangosAction, ourAction] = actions as [string, string]
  t.match(ourAction, /^deletelink .*gone-by-us/s)
  t.equal(ourAction, djangosAction.replace('gone-by-django', 'gone-by-us'))
})
