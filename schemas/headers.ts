/** Headers of requests that say on which conditions, and how, something is done. Without examples: Swagger UI would send them. */
import { Type } from '@sinclair/typebox'

const header = (description: string) => Type.Optional(Type.String({ description }))

const HEADERS = {
  'if-match': header(
    'Does it only where the entity tag that was read (`ETag`) still is the current one (RFC 9110): one tag, a list of them, or ' +
      '`*`. Otherwise 412, with the current tag and the fields that changed since.',
  ),
  'if-none-match': header('Answers 304 where this is the current entity tag (RFC 9110).'),
  prefer: header(
    'RFC 7240: `return=minimal` for an answer without a body, `return=representation` for one with it; `handling=lenient` drops ' +
      'unknown fields and names them in `Dropped-Fields`.',
  ),
  'idempotency-key': header(
    'A name for this request that no other has, such as a UUID. Sent again with the same name within 24 hours, it is not done ' +
      'again: what was answered then is answered again, with `Idempotent-Replayed: true`.',
  ),
}

/** Headers that a request may carry, as published. */
export const requestHeaders = (...names: (keyof typeof HEADERS)[]) =>
  Type.Object(Object.fromEntries(names.map((name) => [name, HEADERS[name]])))

/** The same for a creation, where a condition can only be that there is nothing yet. */
export const creationHeaders = Type.Object({
  ...requestHeaders('prefer', 'idempotency-key').properties,
  'if-none-match': header(
    '`*`: 412 instead of 400 where the name is taken already, with the entity tag of who has it.',
  ),
})
