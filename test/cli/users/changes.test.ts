/** Changes as they are written on the command line. */
import t from 'tap'
import type { User } from '../../../schemas/index.js'
import { CommandError } from '../../../src/cli/failure.js'
import { bodyOf, type Change, CHANGEABLE, readChange } from '../../../src/cli/users/changes.js'

const STORED = { groups: [1, 2], user_permissions: [] as number[] } as User
const read = (...texts: string[]) =>
  bodyOf(
    texts.reduce<Change[]>((changes, text) => readChange(text, changes), []),
    STORED,
  )

t.test('each value by the type of its field', async (t) => {
  t.same(read('is_staff=true', 'is_active=false'), { is_staff: true, is_active: false })
  t.same(read('first_name=true', 'last_name=', 'email= a=b\nc'), {
    first_name: 'true',
    last_name: '',
    email: ' a=b\nc',
  })
  t.same(read('last_login=null', 'first_name=null'), { last_login: null, first_name: 'null' })
  t.notOk(CHANGEABLE.includes('password') || CHANGEABLE.includes('id'))
})

t.test('sets are replaced, added to and taken from, in this order', async (t) => {
  t.same(read('groups=3,4'), { groups: [3, 4] })
  t.same(read('groups='), { groups: [] })
  t.same(read('groups+=2,3'), { groups: [1, 2, 3] })
  t.same(read('groups-=1,7'), { groups: [2] })
  t.same(read('groups=5', 'groups+=6', 'groups-=5'), { groups: [6] })
  t.same(read('user_permissions+=9'), { user_permissions: [9] })
})

t.test('what is no change is told without being quoted', async (t) => {
  const cases: [string, RegExp][] = [
    ['s3cret', /like first_name=Ada/],
    ['height=s3cret', /^height: There is no such field/],
    ['id=7', /^id: There is no such field/],
    ['password=s3cret', /^password: There is no such field/],
    ['is_staff=s3cret', /^is_staff: .*true or false/],
    ['groups=s3cret', /^groups: It must be ids/],
    ['groups=1,,2', /^groups: It must be ids/],
    ['groups=01', /^groups: It must be ids/],
    ['is_staff+=true', /^is_staff: It is no set/],
  ]
  for (const [text, said] of cases) {
    t.throws(() => readChange(text), { message: said, exitCode: 2 }, text)
    try {
      readChange(text)
    } catch (error) {
      t.ok(error instanceof CommandError && !error.message.includes('s3cret'))
    }
  }
})
