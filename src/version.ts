import { createRequire } from 'node:module'

/** The version of the package: of the API, and of its document. */
export const { version } = createRequire(import.meta.url)('fastify-user-admin/package.json') as {
  version: string
}
