/** What the consumer sends and expects, held by Pact's server and written into a pact. The service takes no part in it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MatchersV3, PactV3 } from '@pact-foundation/pact'
import { closeAccount } from './leavers.js'

const { eachLike, integer } = MatchersV3
const pact = new PactV3({
  consumer: 'leavers',
  provider: 'fastify-user-admin',
  dir: 'pacts',
  host: '127.0.0.1',
  logLevel: 'error',
})

// Those of a mock: the same every time, so that a pact may name them.
const ADA = 'uak_mock-ada-0000000000000000000000000000000000'
const GRACE = 'uak_mock-grace-00000000000000000000000000000000'

const search = (username: string, key: string) => ({
  method: 'GET',
  path: '/admin/users/',
  query: { username },
  headers: { authorization: `Bearer ${key}` },
})

test('an account is closed', async () => {
  pact
    .given('team')
    .uponReceiving('a search for mary')
    .withRequest(search('mary', ADA))
    .willRespondWith({ status: 200, body: { results: eachLike({ id: integer(5) }) } })
    .given('team')
    .uponReceiving('a change that makes mary inactive')
    .withRequest({
      method: 'PATCH',
      path: '/admin/users/5/',
      headers: { authorization: `Bearer ${ADA}`, 'content-type': 'application/json' },
      body: { is_active: false },
    })
    .willRespondWith({ status: 200, body: { is_active: false } })
  await pact.executeTest(async ({ url }) => {
    assert.equal(await closeAccount(`${url}/admin`, ADA, 'mary'), 'closed')
  })
})

test('nobody has that name', async () => {
  pact
    .given('team')
    .uponReceiving('a search for nobody')
    .withRequest(search('nobody', ADA))
    .willRespondWith({ status: 200, body: { results: [] } })
  await pact.executeTest(async ({ url }) => {
    assert.equal(await closeAccount(`${url}/admin`, ADA, 'nobody'), 'unknown')
  })
})

test('who has no permission learns so', async () => {
  pact
    .given('team')
    .uponReceiving('a search by somebody without a permission')
    .withRequest(search('mary', GRACE))
    .willRespondWith({
      status: 403,
      headers: { 'content-type': 'application/problem+json; charset=utf-8' },
      body: { code: 'permission_denied' },
    })
  await pact.executeTest(async ({ url }) => {
    assert.equal(await closeAccount(`${url}/admin`, GRACE, 'mary'), 'not allowed')
  })
})
