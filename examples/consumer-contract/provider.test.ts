/** Whether the service does what the pact says: each state is a fixture of that name. */
import { test } from 'node:test'
import { Verifier } from '@pact-foundation/pact'
import { startMock } from 'fastify-user-admin/mock'

test('the service keeps the pact', async () => {
  const mock = await startMock()
  try {
    await new Verifier({
      provider: 'fastify-user-admin',
      providerBaseUrl: mock.url,
      pactUrls: ['pacts/leavers-fastify-user-admin.json'],
      stateHandlers: {
        team: () => mock.reset('team'),
        empty: () => mock.reset('empty'),
      },
      logLevel: 'error',
    }).verifyProvider()
  } finally {
    await mock.close()
  }
})
