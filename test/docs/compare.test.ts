// What the pages show, against what came out: the comparison itself, since all the rest builds on it.
import t from 'tap'
import { matchesJson, matchesText } from './compare.js'

t.test('JSON: by structure and value, whatever its layout', async (t) => {
  t.ok(matchesJson('{"id": 1, "groups": [2]}', '{"groups":[2],"id":1}\n'))
  t.notOk(matchesJson('{"id": 1}', '{"id":2}'))
  t.notOk(matchesJson('{"id": 1}', '{"id":"1"}'))
  t.notOk(matchesJson('{"id": 1}', '{"id":1,"more":true}'))
  t.notOk(matchesJson('{"id": 1, "more": true}', '{"id":1}'))
  t.notOk(matchesJson('[1, 2]', '[2, 1]'))
  t.notOk(matchesJson('[]', '[1]'))
  t.notOk(matchesJson('{"id": 1}', 'no JSON'))
})

t.test('JSON: … leaves out', async (t) => {
  t.ok(matchesJson('{"id": 1, …}', '{"id":1,"more":true}'))
  t.notOk(matchesJson('{"id": 1, …}', '{"id":2,"more":true}'))
  t.ok(matchesJson('{"id": …}', '{"id":7}'))
  t.ok(matchesJson('{"next": "/admin/…&page=2"}', '{"next":"/admin/users/?a=b&page=2"}'))
  t.notOk(matchesJson('{"next": "/admin/…&page=2"}', '{"next":"/admin/users/?a=b&page=3"}'))
  t.ok(matchesJson('[1, …]', '[1,2,3]'))
  t.ok(matchesJson('[…, 3]', '[1,2,3]'))
  t.notOk(matchesJson('[…, 2]', '[1,2,3]'))
})

t.test('what differs from run to run has a shape', async (t) => {
  const shown = '{"at": "2026-11-23T17:44:14.381177Z", "id": "33f4380c-cd04-4469-be24-730a1feaa571"}'
  t.ok(matchesJson(shown, '{"at":"2024-01-02T03:04:05Z","id":"00000000-cd04-4469-be24-730a1feaa571"}'))
  t.notOk(matchesJson(shown, '{"at":null,"id":"00000000-cd04-4469-be24-730a1feaa571"}'))
  t.ok(
    matchesText('key in /home/ada/fastify-user-admin/.data', 'key in /tmp/x/fastify-user-admin/.data', true),
  )
  t.ok(matchesText('done in 12 ms', 'done in 3 ms', true))
})

t.test('text: by lines', async (t) => {
  t.ok(matchesText('a  b\nc', 'a     b  \nc\n', true))
  t.notOk(matchesText('a', 'a\nb', true))
  t.ok(matchesText('a', '0\na\nb', false))
  t.notOk(matchesText('a\nc', 'a\nb\nc', false))
  t.ok(matchesText('a\n…\nc', 'a\nb\nb\nc', true))
  t.ok(matchesText('a\n…\nc', 'a\nc', true))
  t.ok(matchesText('a … c.', 'a b b c.', true))
  t.notOk(matchesText('a … c.', 'a b b c!', true))
})
