/** How answers become JSON: by the published schemas, each of them compiled once. */
import type { TSchema } from '@sinclair/typebox'
import type { FastifySerializerCompiler } from 'fastify'
import fastJsonStringify, { type Schema } from 'fast-json-stringify'
import type { Contract } from '../../schemas/index.js'

/**
 * The compiler that Fastify asks for each status of each route. Most of them refer to a few schemas, and to compile one
 * takes milliseconds, since all that it may refer to is looked at: without this, most of a start is spent on it.
 */
export function makeSerializerCompiler(contract: Contract): FastifySerializerCompiler<unknown> {
  const schemas = Object.values(contract) as TSchema[]
  const named: Record<string, Schema> = Object.fromEntries(
    schemas.map((schema) => [schema.$id!, schema as unknown as Schema]),
  )
  const compiled = new Map<string, (payload: unknown) => string>()
  return ({ schema }) => {
    const key = JSON.stringify(schema)
    const known = compiled.get(key)
    if (known !== undefined) return known
    const made = fastJsonStringify(schema as Schema, { schema: { ...named } })
    compiled.set(key, made)
    return made
  }
}
