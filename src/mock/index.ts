/** The real service on a throw-away database, for the tests of its consumers: `fastify-user-admin/mock`. */
export { FixtureError, type FixtureName } from './fixtures.js'
export type { Fixtures } from './read-fixtures.js'
export type { Mock } from './run-mock.js'
export { type MockOptions, type MockSettings, startMock } from './start-mock.js'
