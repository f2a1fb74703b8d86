/** A few lines for whoever started the service: where it is, and what to type first. */
import type { FirstKey } from './first-key.js'
import { COMMAND, quote } from './names.js'

/**
 * @param address the URL that the service listens at
 * @param prefix the path of the API
 * @param key what the first request can be made with
 */
export function greeting(address: string, prefix: string, key: FirstKey | undefined): string {
  const lines = [
    `fastify-user-admin  ${address}${prefix}/`,
    `Swagger UI          ${address}/docs`,
    ...(key === undefined ? MAKE_KEY : [keyLine(key), '', 'Try it:', ...tryIt(`${address}${prefix}`, key)]),
  ]
  return `\n${lines.join('\n')}\n\n`
}

const keyLine = ({ file, isNew, user }: FirstKey) =>
  `API key             ${file}${isNew ? `  (new, of the superuser ${user.username})` : ''}`

/** One command of the shell, to be pasted as it is. */
const tryIt = (api: string, { file, user }: FirstKey) => [
  String.raw`  curl -X PATCH ${quote(`${api}/users/${user.id}/`)} \ `.trimEnd(),
  String.raw`    -H "Authorization: Bearer $(cat ${quote(file)})" \ `.trimEnd(),
  `    -H 'Content-Type: application/json' -d '{"first_name": "Ada"}'`,
]

const MAKE_KEY = [
  '',
  'To make a superuser, and an API key:',
  `  ${COMMAND} create-superuser --username NAME`,
  `  ${COMMAND} create-key --username NAME`,
]
