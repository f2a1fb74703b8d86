import t from 'tap'
import { parseExpiry } from '../../src/cli/expiry.js'

const now = Date.parse('2026-01-31T10:00:00.500Z')

t.test('durations and date-times', async (t) => {
  const cases: Record<string, string> = {
    '1m': '2026-01-31T10:01:00Z',
    '12h': '2026-01-31T22:00:00Z',
    '90d': '2026-05-01T10:00:00Z',
    '4w': '2026-02-28T10:00:00Z',
    '99999w': '3942-08-08T10:00:00Z',
    '2026-01-31T10:00:01Z': '2026-01-31T10:00:01Z',
    '2030-01-31T01:00:00.25+01:00': '2030-01-31T00:00:00.250000Z',
  }
  for (const [text, at] of Object.entries(cases)) t.same(parseExpiry(text, now), { at }, text)
})

t.test('what is over, and what is neither', async (t) => {
  for (const text of ['0d', '2026-01-31T10:00:00Z', '1999-01-01T00:00:00Z']) {
    t.match(parseExpiry(text, now), { fault: /over already/ }, text)
  }
  const neither = [
    '',
    '90',
    'd',
    '-1d',
    '1.5d',
    '1 d',
    '90D',
    '5y',
    '100000d',
    '2030-01-31',
    '2030-02-30T00:00:00Z',
    'soon',
  ]
  for (const text of neither) t.match(parseExpiry(text, now), { fault: /^Write a duration/ }, text)
})
