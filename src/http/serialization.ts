/** How answers become JSON: by the published schemas, each of them compiled once. */
import type { TSchema } from '@sinclair/typebox'
import type { FastifySerializerCompiler } from 'fastify'
import fastJsonStringify, { type Schema } from 'fast-json-stringify'
import type { Contract } from '../../schemas/index.js'

/**
 * The compiler that Fastify asks for each status of each route. Most of them refer to a few schemas, and to compile one
 * takes milliseconds, since all that it is given is looked at: without this, most of a start is spent on it.
 */
export function makeSerializerCompiler(contract: Contract): FastifySerializerCompiler<unknown> {
  const named = new Map((Object.values(contract) as TSchema[]).map((schema) => [schema.$id!, schema]))
  const compiled = new Map<string, (payload: unknown) => string>()
  return ({ schema }) => {
    const text = JSON.stringify(schema)
    const known = compiled.get(text)
    if (known !== undefined) return known
    const made = fastJsonStringify(schema as Schema, { schema: referredBy(text, named) })
    compiled.set(text, made)
    return made
  }
}

/** The schemas that one refers to, and those that they refer to. */
function referredBy(text: string, named: ReadonlyMap<string, TSchema>): Record<string, Schema> {
  const found: Record<string, Schema> = {}
  const visit = (text: string): void => {
    for (const [, id] of text.matchAll(/"\$ref":"([^"#]+)/g)) {
      const schema = named.get(id!)
      if (schema === undefined || id! in found) continue
      found[id!] = schema as unknown as Schema
      visit(JSON.stringify(schema))
    }
  }
  visit(text)
  return found
}
