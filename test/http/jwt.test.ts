/** Callers with JWTs of a real OpenID provider, and those who forge them. */
import { createHmac, createPublicKey, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { generateKeyPair, SignJWT } from 'jose'
import t, { type Test } from 'tap'
import { type IdentityProvider, startIdentityProvider } from '../helpers/identity-provider.js'
import { startService, type TestService } from '../helpers/service.js'

const provider = await startIdentityProvider(t)
const SCOPES = 'directory.read=auth.view_user,auth.view_group directory.write=auth.view_user,auth.change_user'

const start = (t: Test, settings = {}, from: IdentityProvider = provider) =>
  startService(t, { ...from.settings, ...settings })

const ask = (service: TestService, token: string, path = '/admin/me/') =>
  service.request('GET', path, { key: token })

const now = () => Math.floor(Date.now() / 1_000)

t.test('a token of a user, by username', async (t) => {
  const service = await start(t)
  const { id } = await service.makeCaller({ username: 'ada' })
  const answer = await ask(service, await provider.sign({ sub: 'ada' }))
  t.match(answer, { status: 200, body: { user: { id }, credential: 'jwt:ada' } })
  t.equal((await ask(service, await provider.sign({ sub: 'nobody' }))).status, 401)
  t.equal((await ask(service, await provider.sign({ sub: 'Ada' }))).status, 401, 'exactly that name')

  const token = await provider.sign({ sub: 'ada' })
  t.equal((await ask(service, token)).status, 200)
  await service.pool.query('update auth_user set is_active = false where id = $1', [id])
  t.equal((await ask(service, token)).status, 401, 'an inactive user authenticates nowhere')
})

t.test('a token of a user, by another claim that is an e-mail address', async (t) => {
  const service = await start(t, { JWT_USER_CLAIM: 'email', JWT_USER_FIELD: 'email' })
  const { id } = await service.makeCaller({ email: 'ada@example.com' })
  const by = async (claims: object) => ask(service, await provider.sign({ sub: randomUUID(), ...claims }))
  t.match(await by({ email: 'ada@EXAMPLE.com' }), { status: 200, body: { user: { id } } })
  for (const email_verified of [false, 'false', 0, null])
    t.equal(
      (await by({ email: 'ada@example.com', email_verified })).status,
      401,
      `verified: ${email_verified}`,
    )
  t.equal((await by({ email: 'ada@example.com', email_verified: 'true' })).status, 200)
  t.equal((await by({ email: '' })).status, 401, 'users without an address are many')
  t.equal((await by({ email: 7 })).status, 401)
  t.equal((await by({})).status, 401)
  await service.makeUser({ email: 'ada@example.com' })
  t.equal((await by({ email: 'ada@example.com' })).status, 401, 'two users have it')
})

t.test('scopes of a client, which is no user', async (t) => {
  const service = await start(t, { JWT_SCOPES: SCOPES })
  const [read, write, other] = await Promise.all(
    ['directory.read', 'directory.write', 'other'].map((scope) => provider.clientToken(scope)),
  )
  const id = await service.makeUser({ first_name: 'Ada' })
  const patch = (key: string, body: object) => service.request('PATCH', `/admin/users/${id}/`, { key, body })

  t.equal((await ask(service, read!, `/admin/users/${id}/`)).status, 200)
  t.match(await patch(read!, { first_name: 'Eve' }), {
    status: 403,
    body: { missing_permissions: ['auth.change_user'] },
  })
  t.match(await patch(write!, { first_name: 'Grace' }), { status: 200, body: { first_name: 'Grace' } })
  t.equal((await ask(service, other!, `/admin/users/${id}/`)).status, 403, 'a scope that stands for nothing')
  t.equal((await ask(service, write!)).status, 404, 'there is no user to show')

  const root = await service.makeCaller()
  const { body } = await ask(service, root.key, `/admin/users/${id}/history/`)
  t.match(body.results, [{ actor_id: null, actor_username: null, credential: 'jwt:directory-sync' }])
  t.match(await patch(write!, { is_superuser: true }), { status: 403 }, 'no scope makes a superuser')
  t.match(await patch(write!, { user_permissions: [await service.findPermission('delete_user')] }), {
    status: 403,
    body: { missing_permissions: ['auth.delete_user'] },
  })
  t.match(
    await patch(write!, { user_permissions: [await service.findPermission('change_user')] }),
    { status: 200 },
    'what it holds it may give',
  )
  const key = randomUUID()
  const once = () =>
    service.request('PATCH', `/admin/users/${id}/`, {
      key: write,
      body: { last_name: 'Hopper' },
      headers: { 'idempotency-key': `"${key}"` },
    })
  t.equal((await once()).status, 200)
  t.match((await once()).headers, { 'idempotent-replayed': 'true' })
})

t.test('two clients with the same scopes are two callers', async (t) => {
  const settings = { JWT_SCOPES: SCOPES, RATE_LIMIT_PER_CALLER: '4' }
  const service = await start(t, settings)
  const id = await service.makeUser()
  const [a, b] = await Promise.all(
    ['client a', 'client b'].map((sub) => provider.sign({ sub, scope: 'directory.write' })),
  )
  const once = (key: string) =>
    service.request('PATCH', `/admin/users/${id}/`, {
      key,
      body: { last_name: 'Hopper' },
      headers: { 'idempotency-key': '"one"' },
    })
  t.equal((await once(a!)).status, 200)
  t.equal((await once(a!)).headers['idempotent-replayed'], 'true')
  const others = await once(b!)
  t.match(others, { status: 200, headers: { 'idempotent-replayed': undefined } }, "not the other's answer")
  t.equal((await once(a!)).status, 200)
  t.equal((await once(a!)).status, 200)
  t.equal((await once(a!)).status, 429)
  t.equal((await once(b!)).status, 200, 'each has a limit of its own')
})

t.test('forged and misdirected tokens', async (t) => {
  const service = await start(t)
  const { id } = await service.makeCaller({ username: 'ada' })
  const claims = { iss: provider.issuer, aud: provider.settings.JWT_AUDIENCE, sub: 'ada', exp: now() + 60 }
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const stranger = await generateKeyPair('RS256')
  const forge = (header: object, own = {}) =>
    new SignJWT({ ...claims, ...own })
      .setProtectedHeader({ alg: 'RS256', kid: 'key-1', ...header } as never)
      .sign(stranger.privateKey)
  const publicPem = createPublicKey({ key: provider.publicKey as never, format: 'jwk' }).export({
    type: 'spki',
    format: 'pem',
  })
  const hs = (key: string | Buffer) => {
    const signed = `${encode({ alg: 'HS256', kid: 'key-1' })}.${encode(claims)}`
    return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`
  }
  const good = await provider.sign({ sub: 'ada' })
  const [head, , signature] = good.split('.') as [string, string, string]
  t.match(await ask(service, good), { status: 200, body: { user: { id } } }, 'the one that they are like')
  const forged = {
    'no algorithm': `${encode({ alg: 'none' })}.${encode(claims)}.`,
    'no algorithm, in other letters': `${encode({ alg: 'nOnE' })}.${encode(claims)}.`,
    'signed with the public key as a secret': hs(publicPem as string),
    'signed with the public JWK as a secret': hs(JSON.stringify(provider.publicKey)),
    'signed with an empty secret': hs(''),
    "a stranger's key under the name of the provider's": await forge({}),
    'an unknown kid': await forge({ kid: 'key-2' }),
    'a kid that is a path': await forge({ kid: '../../../../dev/null' }),
    'a kid that is SQL': await forge({ kid: "' union select 'x" }),
    'a key of its own in the header': await forge({ jwk: { kty: 'oct', k: 'AA' } }),
    'a URL of keys in the header': await forge({ jku: 'http://127.0.0.1:1/keys' }),
    'a critical header that nobody knows': await forge({ crit: ['x'], x: 1, kid: 'key-1' }).catch(() =>
      [encode({ alg: 'RS256', kid: 'key-1', crit: ['x'], x: 1 }), encode(claims), signature].join('.'),
    ),
    'other claims under a true signature': `${head}.${encode({ ...claims, sub: 'root' })}.${signature}`,
    'no signature': good.slice(0, good.lastIndexOf('.') + 1),
    'another audience': await provider.sign({ sub: 'ada', aud: 'urn:other' }),
    'no audience': await provider.sign({ sub: 'ada', aud: [] }),
    'another issuer': await provider.sign({ sub: 'ada', iss: 'https://elsewhere.example' }),
    expired: await provider.sign({ sub: 'ada', exp: now() - 10 }),
    'never expiring': await provider.sign({ sub: 'ada', exp: undefined as never }),
    'not yet valid': await provider.sign({ sub: 'ada', nbf: now() + 60 }),
    'a subject that is no text': await provider.sign({ sub: ['ada'] as never }),
    'a subject that no log could show': await provider.sign({ sub: 'ada\u0441' }),
    'a subject with a null': await provider.sign({ sub: 'ada\0' }),
  }
  for (const [name, token] of Object.entries(forged)) {
    const answer = await ask(service, token)
    t.equal(answer.status, 401, name)
    t.match(answer.body, { code: 'authentication_failed', detail: 'Invalid credentials.' }, name)
  }
  t.equal(
    (await service.request('GET', '/admin/me/', { headers: { authorization: `Token ${good}` } })).status,
    401,
  )
  const others = await startService(t, {}, service.database)
  t.equal((await ask(others, good)).status, 401, 'a service that takes none')
})

t.test('algorithms that are not wanted', async (t) => {
  const service = await start(t, { JWT_ALGORITHMS: 'ES256,EdDSA' })
  await service.makeCaller({ username: 'ada' })
  t.equal((await ask(service, await provider.sign({ sub: 'ada' }))).status, 401)
})

t.test('a provider that is away', async (t) => {
  const own = await startIdentityProvider(t)
  const service = await start(t, { JWT_KEYS_MAX_AGE: '5' }, own)
  await service.makeCaller({ username: 'ada' })
  const token = await own.sign({ sub: 'ada' })
  t.equal((await ask(service, token)).status, 200)
  await own.stop()
  t.equal((await ask(service, token)).status, 200, 'the keys that are known go on')
  await sleep(5_100)
  const answer = await ask(service, token)
  t.match(answer, { status: 503, body: { code: 'unavailable' }, headers: { 'retry-after': /^\d+$/ } })
  t.equal((await ask(service, await own.sign({ sub: 'ada' }, { kid: 'new' }))).status, 503, 'nobody can tell')
  const { key } = await service.makeCaller()
  t.equal((await ask(service, key)).status, 200, 'API keys need no provider')
  await own.resume()
  await sleep(1_100)
  t.equal((await ask(service, token)).status, 200, 'and back it is')

  const before = own.keysRead()
  for (let index = 0; index < 50; index++)
    await ask(service, await own.sign({ sub: 'ada' }, { kid: `new-${index}` }))
  t.ok(own.keysRead() - before < 25, 'unknown keys do not make us ask for each')
})

t.test('a provider that is away from the start, or is none', async (t) => {
  const service = await start(t, { JWT_JWKS_URL: 'http://127.0.0.1:1/keys' })
  t.equal((await ask(service, await provider.sign({ sub: 'ada' }))).status, 503)
  const odd = await start(t, { JWT_JWKS_URL: `${provider.issuer}/nowhere` })
  t.equal((await ask(odd, await provider.sign({ sub: 'ada' }))).status, 503)
})

t.test('settings that would let others in', async (t) => {
  const refused = (settings: object) => start(t, settings)
  await t.rejects(refused({ JWT_ISSUER: '' }), { message: /JWT_ISSUER is needed with JWT_JWKS_URL/ })
  await t.rejects(refused({ JWT_AUDIENCE: '' }), { message: /JWT_AUDIENCE is needed/ })
  await t.rejects(refused({ JWT_JWKS_URL: 'http://keys.example/' }), { message: /must be a URL with https/ })
  await t.rejects(refused({ JWT_ALGORITHMS: 'HS256' }), {
    message: /JWT_ALGORITHMS=HS256 must be RS256, RS384, /,
  })
  await t.rejects(refused({ JWT_SCOPES: 'everything' }), { message: /JWT_SCOPES=everything must be like/ })
})
