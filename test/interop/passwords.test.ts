/** Passwords: what one side stores, the other side knows. */
import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { identify, looksLikeStoredHash, verifyPassword } from '../../src/domain/passwords/registry.js'
import { startService } from '../helpers/service.js'
import { sharedDatabase } from './both.js'
import { startDjango } from './django.js'

const HASHERS = ['argon2', 'pbkdf2_sha256'] as const
type Hasher = (typeof HASHERS)[number]

/** What Django makes with any other hasher of its own, only Django verifies. */
const VERIFIED = ['argon2', 'pbkdf2_sha256', 'pbkdf2_sha1', 'bcrypt_sha256', 'scrypt']

// Nobody may trim, normalise or cut them, or take them for something else.
const PASSWORDS = [
  'correct horse battery staple',
  ' \t p\u0301w пароль-秘密 \u00a0',
  '😀'.repeat(128),
  'argon2$argon2id$v=19$',
]
const [PASSWORD] = PASSWORDS as [string]

type Sending = [method: string, path: string, body?: unknown, type?: string]

/** Each way to change a password, below the path of the users. */
const WAYS: Record<string, (id: number, password: string, username: string) => Sending> = {
  PATCH: (id, password) => ['PATCH', `${id}/`, { password }],
  PUT: (id, password, username) => ['PUT', `${id}/`, { username, password }],
  'a bulk update': (id, password) => ['PATCH', '', [{ id, password }]],
  'a merge patch': (id, password) => ['PATCH', `${id}/`, { password }, 'application/merge-patch+json'],
  'a JSON Patch': (id, password) => [
    'PATCH',
    `${id}/`,
    [{ op: 'replace', path: '/password', value: password }],
    'application/json-patch+json',
  ],
}

const database = await sharedDatabase(t)
const djangos = {
  argon2: await startDjango(t, database.url, { PASSWORD_HASHER: 'Argon2PasswordHasher' }),
  pbkdf2_sha256: await startDjango(t, database.url, { PASSWORD_HASHER: 'PBKDF2PasswordHasher' }),
}
const about = await djangos.argon2.ask('about')

/** A service that hashes as one of them does, but for `mismatch`. */
async function startMatched(t: Test, hasher: Hasher, mismatch = {}) {
  const matching = {
    PASSWORD_HASHER: hasher,
    PBKDF2_ITERATIONS: String(about.pbkdf2_iterations),
    ARGON2_HASH_LENGTH: String(about.argon2_hash_length),
  }
  const service = await startService(t, { ...matching, ...mismatch }, database)
  const { key } = await service.makeCaller()

  const send = (...[method, path, body, type = 'application/json']: Sending) =>
    service.request(method, `/admin/users/${path}`, {
      key,
      rawBody: body === undefined ? undefined : JSON.stringify(body),
      headers: { 'content-type': type },
    })

  async function makeUser(username: string, password: string): Promise<number> {
    const { body, status, text } = await send('POST', '', { username, password })
    if (status !== 201) throw new Error(`${username} is not made: ${text}`)
    return body.id
  }

  const logIn = (username: string, password: string): Promise<number | null> =>
    djangos[hasher].ask('authenticate', { username, password })

  return { ...service, send, logIn, makeUser }
}

async function stored(id: number): Promise<string> {
  const { rows } = await database.pool.query('select password from auth_user where id = $1', [id])
  return rows[0].password
}

const store = (id: number, encoded: string) =>
  database.pool.query('update auth_user set password = $2 where id = $1', [id, encoded])

for (const hasher of HASHERS) {
  t.test(`${hasher}: Django logs in with what we stored, and leaves it as it is`, async (t) => {
    const { send, makeUser, logIn } = await startMatched(t, hasher)

    async function logsIn(id: number, username: string, password: string, name: string) {
      const before = await stored(id)
      t.equal(identify(before)?.algorithm, hasher, name)
      t.equal(await logIn(username, password), id, `${name}: it logs in`)
      t.equal(await stored(id), before, `${name}: and is not hashed again`)
    }

    const made = PASSWORDS.map(async (password, index) => {
      const username = `${hasher}-${index}`
      await logsIn(await makeUser(username, password), username, password, JSON.stringify(password))
    })
    await Promise.all(made)
    const username = `${hasher}-changing`
    const id = await makeUser(username, PASSWORD)
    t.equal(await logIn(username, `${PASSWORD}x`), null, 'no other password does')
    for (const [way, request] of Object.entries(WAYS)) {
      const password = `changed by ${way}`
      const { status, text } = await send(...request(id, password, username))
      t.equal(status, 200, text)
      await logsIn(id, username, password, password)
    }
  })
}

t.test('settings that do not match: the login works, and Django hashes once more', async (t) => {
  const mismatches = {
    argon2: { ARGON2_HASH_LENGTH: about.argon2_hash_length === 16 ? '32' : '16' },
    pbkdf2_sha256: { PBKDF2_ITERATIONS: '1000' },
  }
  for (const hasher of HASHERS) {
    const { makeUser, logIn } = await startMatched(t, hasher, mismatches[hasher])
    const id = await makeUser(`${hasher}-mismatched`, PASSWORD)
    const before = await stored(id)
    t.equal(await logIn(`${hasher}-mismatched`, PASSWORD), id, hasher)
    const after = await stored(id)
    t.not(after, before, `${hasher}: it is hashed again, so the tests above would tell`)
    t.equal(identify(after)?.algorithm, hasher)
    t.ok(await verifyPassword(PASSWORD, after), 'and we verify what Django made of it')
  }
})

t.test('what the guide says of PBKDF2_ITERATIONS is what this Django has', (t) => {
  const guide = readFileSync(new URL('../../docs/django.md', import.meta.url), 'utf8')
  const said = new Map(
    [...guide.matchAll(/`(\d{5,7})`\s(?:is\s)?in\s(\d\.\d)/g)].map(([, count, version]) => [version, count]),
  )
  const version = about.version.split('.').slice(0, 2).join('.')
  t.ok(said.size > 3)
  if (said.has(version)) t.equal(said.get(version), String(about.pbkdf2_iterations), version)
  t.end()
})

t.test('what Django stores, by each of its hashers', async (t) => {
  const { send, makeUser } = await startMatched(t, 'argon2')
  const id = await makeUser('ada', PASSWORD)
  t.ok(about.hashers.length > 5, about.hashers.join(', '))
  for (const hasher of about.hashers as string[]) {
    const isVerified = VERIFIED.includes(hasher)
    const made = PASSWORDS.map(async (password): Promise<string> => {
      const encoded = await djangos.argon2.ask('make_password', { password, hasher })
      const name = `${hasher}, ${JSON.stringify(password)}`
      t.equal(await verifyPassword(password, encoded), isVerified, name)
      // Nothing but its length tells that one.
      t.equal(looksLikeStoredHash(encoded), hasher !== 'unsalted_md5', `${name}: is no password`)
      return encoded
    })
    const [encoded] = (await Promise.all(made)) as [string]
    t.equal(await verifyPassword(`${PASSWORD}x`, encoded), false, `${hasher}: no other password verifies`)
    await store(id, encoded)
    const { body, text } = await send('GET', `${id}/`)
    t.notOk(text.includes(encoded.slice(-16)), `${hasher}: it is not shown`)
    t.equal((await send('PUT', `${id}/`, body)).status, 200, `${hasher}: what was read may be sent back`)
    t.equal(await stored(id), encoded, `${hasher}: and leaves it as it is`)
  }
})

t.test('an unusable password is one to both', async (t) => {
  const { send, logIn, makeUser, makeCaller } = await startMatched(t, 'argon2')
  const users = {
    ours: (await makeCaller({ username: 'ours' })).id,
    djangos: await makeUser('djangos', PASSWORD),
  }
  await store(users.djangos, await djangos.argon2.ask('make_password', { password: null }))
  for (const [username, id] of Object.entries(users)) {
    t.equal((await send('GET', `${id}/`)).body.password, '!')
    t.notOk(await djangos.argon2.ask('has_usable_password', { user: id }), username)
    for (const password of ['!', await stored(id)]) {
      t.equal(await logIn(username, password), null)
      t.equal(await verifyPassword(password, await stored(id)), false)
    }
  }
})
