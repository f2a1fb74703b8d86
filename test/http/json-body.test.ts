// Bodies: one meaning for every reader, or none.
import t from 'tap'
import { parseJson } from '../../src/http/json-body.js'
import fc from '../helpers/seeded-properties.js'

const parse = (text: string) => parseJson(Buffer.from(text))
const refusal = (body: string | Buffer): string | undefined => {
  try {
    parseJson(Buffer.from(body as string))
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

t.test('any JSON is read as JSON.parse reads it', async (t) => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), (text) => {
      t.same(parse(text), JSON.parse(text))
    }),
    { numRuns: 300 },
  )
})

t.test('a repeated key is refused, wherever it stands', async (t) => {
  for (const text of [
    '{"a":1,"a":1}',
    '{"a":{"b":1,"b":2}}',
    '[{"a":1,"\\u0061":2}]',
    '{"":1,"":2}',
    '{"__proto__":1,"__proto__":2}',
  ]) {
    t.equal(refusal(text), 'The body repeats a key.', text)
  }
  for (const text of [
    '{"a":"b:c","c":":"}',
    '[{"a":1},{"a":1}]',
    '{"a\\":":1,"b":"\\\\"}',
    '{"__proto__":1}',
  ]) {
    t.equal(refusal(text), undefined, text)
  }
})

t.test('depth is bounded', async (t) => {
  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
  t.equal(refusal(nested(32)), undefined)
  t.equal(refusal(nested(33)), 'The body is nested too deep.')
  t.equal(refusal('['.repeat(500_000)), 'The body is nested too deep.')
  t.equal(refusal(`"${'['.repeat(100)}"`), undefined, 'not inside of a text')
})

t.test('what is no UTF-8 or no JSON is refused without quoting it', async (t) => {
  t.equal(refusal(Buffer.from([0x7b, 0x22, 0xe9, 0x22, 0x3a, 0x31, 0x7d])), 'The body is not UTF-8.')
  t.equal(
    refusal(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])),
    'The body is not UTF-8.',
    'an encoded surrogate',
  )
  for (const text of [
    '',
    ' ',
    '{',
    '{"password":"hunter2"',
    '{"a":NaN}',
    '\ufeff{}',
    "{'a':1}",
    '{"a":1}x',
    '{"a":1,}',
    '01',
  ]) {
    t.equal(refusal(text), 'The body is not valid JSON.', text)
  }
})
