/** What reaches the log, and what never does. */
import type { FastifyRequest } from 'fastify'
import type { LoggerOptions } from 'pino'

/** An error for the log. Of PostgreSQL's, only what holds no value of a row: its texts quote them. */
export function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { type: typeof error }
  const { code, severity, table, column, constraint, routine } = error as Error & Record<string, unknown>
  if (severity !== undefined)
    return { type: 'DatabaseError', code, severity, table, column, constraint, routine }
  return { type: error.name, message: error.message, code, stack: error.stack }
}

/** Of a request: no headers, which hold credentials, and no query. */
const describeRequest = (request: FastifyRequest) => ({
  method: request.method,
  url: request.url.split('?', 1)[0]?.slice(0, 500),
  remoteAddress: request.ip,
})

/** The log of the service: one JSON object a line, on standard output. */
export const logOptions = (level: string): LoggerOptions => ({
  level,
  serializers: { err: describeError, req: describeRequest as never },
  redact: ['*.password', '*.authorization', '*.apiKey', '*.DATABASE_URL'],
})
