// The rules against escalation: each by itself, and what they hold together.
import t from 'tap'
import type { References } from '../../src/db/references.js'
import type { StoredUser } from '../../src/db/users.js'
import type { Actor } from '../../src/domain/actor.js'
import { decideUpdate, type Decision, type Facts } from '../../src/domain/decide-update.js'
import type { UserUpdate } from '../../schemas/index.js'
import fc from '../helpers/seeded-properties.js'

const PERMISSIONS = [1, 2, 3, 4]
/** Group → what it confers. */
const GROUPS = new Map([
  [1, [1]],
  [2, [1, 2]],
  [3, [3, 4]],
  [4, []],
])

const user = (id: number, values: Partial<StoredUser> = {}): StoredUser => ({
  id,
  password: 'argon2$x',
  last_login: null,
  is_superuser: false,
  username: `user${id}`,
  first_name: '',
  last_name: '',
  email: '',
  is_staff: true,
  is_active: true,
  date_joined: '2024-01-01T00:00:00Z',
  groups: [],
  user_permissions: [],
  ...values,
})

const effective = ({ groups, user_permissions }: StoredUser) =>
  new Set([...user_permissions, ...groups.flatMap((group) => GROUPS.get(group)!)])

const actorOf = (stored: StoredUser): Actor => ({
  id: stored.id,
  username: stored.username,
  isActive: stored.is_active,
  isStaff: stored.is_staff,
  isSuperuser: stored.is_superuser,
  permissions: effective(stored),
  authPermissions: new Set(['auth.change_user']),
  credential: 'test',
})

function factsOf(users: StoredUser[]): Facts {
  const references: References = {
    groupsOf: new Map(users.map(({ id, groups }) => [id, groups])),
    permissionsOf: new Map(users.map(({ id, user_permissions }) => [id, user_permissions])),
    existingGroups: new Set(GROUPS.keys()),
    existingPermissions: new Set(PERMISSIONS),
    takenBy: new Map(users.map(({ id, username }) => [username, id])),
    effectivePermissionsOf: new Map(users.map((one) => [one.id, effective(one)])),
    permissionsOfGroup: new Map([...GROUPS].map(([id, permissions]) => [id, new Set(permissions)])),
  }
  const superusers = users
    .filter(({ is_superuser, is_active }) => is_superuser && is_active)
    .map(({ id }) => id)
  return { ...references, activeSuperusers: new Set(superusers) }
}

function decide(
  actor: StoredUser,
  target: StoredUser,
  patch: UserUpdate,
  others: StoredUser[] = [],
): Decision {
  const encodedPassword = patch.password === undefined ? undefined : 'argon2$new'
  const change = { sent: patch, patch, encodedPassword }
  return decideUpdate(actorOf(actor), change, target, factsOf([actor, target, ...others]))
}

/** What is refused, as `field: missing permissions`. */
const refused = (decision: Decision) =>
  decision.kind === 'denied'
    ? {
        fields: decision.refusal.fields.map(({ field }) => field),
        missing: [...decision.refusal.missingPermissions],
      }
    : decision.kind

t.test('only a superuser sets or clears is_superuser, or changes a superuser at all', async (t) => {
  const actor = user(1, { user_permissions: PERMISSIONS })
  t.same(refused(decide(actor, user(2), { is_superuser: true })), { fields: ['is_superuser'], missing: [] })
  const boss = user(2, { is_superuser: true })
  t.same(refused(decide(actor, boss, { first_name: 'x', last_login: '2024-01-01T00:00:00Z' })), {
    fields: ['last_login', 'first_name'],
    missing: [],
  })
  t.equal(decide(user(1, { is_superuser: true }), boss, { first_name: 'x' }).kind, 'changed')
})

t.test('nobody gives what they do not hold', async (t) => {
  const actor = user(1, { user_permissions: [1] })
  t.same(refused(decide(actor, user(2), { user_permissions: [1, 2, 3] })), {
    fields: ['user_permissions'],
    missing: [2, 3],
  })
  t.same(refused(decide(actor, user(2), { groups: [2, 3] })), { fields: ['groups'], missing: [2, 3, 4] })
  t.equal(decide(actor, user(2), { groups: [1, 4], user_permissions: [1] }).kind, 'changed')
  t.equal(decide(actor, user(2, { groups: [3] }), { groups: [1] }).kind, 'changed', 'taking away is no gift')
  t.equal(decide(actor, user(2, { groups: [3] }), { groups: [1, 3] }).kind, 'changed', 'what was there stays')
})

t.test('nobody takes over an account that may do more', async (t) => {
  const actor = user(1, { user_permissions: [1] })
  const target = user(2, { groups: [2], is_active: false })
  for (const patch of [
    { password: 'x' },
    { username: 'x' },
    { email: 'x@example.org' },
    { is_active: true },
    { is_staff: false },
  ]) {
    t.same(refused(decide(actor, target, patch)), { fields: Object.keys(patch), missing: [2] })
  }
  t.equal(decide(actor, target, { first_name: 'x' }).kind, 'changed')
  t.equal(decide(actor, user(2, { groups: [1] }), { password: 'x' }).kind, 'changed')
})

t.test('nobody changes their own privileges', async (t) => {
  const actor = user(1, { user_permissions: [1], groups: [2] })
  for (const patch of [{ is_staff: false }, { is_active: false }, { groups: [] }, { user_permissions: [] }]) {
    t.same(refused(decide(actor, actor, patch)), { fields: Object.keys(patch), missing: [] })
  }
  t.equal(decide(actor, actor, { password: 'x', first_name: 'x' }).kind, 'changed')
})

t.test('a superuser remains', async (t) => {
  const one = user(1, { is_superuser: true })
  const two = user(2, { is_superuser: true })
  t.equal(decide(one, one, { is_superuser: false }).kind, 'last superuser')
  t.equal(decide(one, one, { is_active: false }).kind, 'last superuser')
  t.equal(decide(one, one, { is_active: false }, [two]).kind, 'changed')
  t.equal(
    decide(one, one, { is_active: false }, [user(2, { is_superuser: true, is_active: false })]).kind,
    'last superuser',
  )

  const facts = factsOf([one, two])
  const patch = { is_active: false }
  const demote = (target: StoredUser) =>
    decideUpdate(actorOf(one), { sent: patch, patch }, target, facts).kind
  t.same([demote(one), demote(two)], ['changed', 'last superuser'], 'two in one group')
})

t.test('what changes nothing is always allowed', async (t) => {
  const boss = user(2, { is_superuser: true, groups: [3], first_name: ' padded ' })
  const { id: _, password: __, ...all } = boss
  t.equal(decide(user(1), boss, all).kind, 'unchanged')
})

const anyUser = (id: number) =>
  fc
    .record({
      is_superuser: fc.boolean(),
      is_staff: fc.boolean(),
      is_active: fc.boolean(),
      groups: fc.subarray([...GROUPS.keys()]),
      user_permissions: fc.subarray(PERMISSIONS),
    })
    .map((values) => user(id, values))

const anyPatch: fc.Arbitrary<UserUpdate> = fc.record(
  {
    is_superuser: fc.boolean(),
    is_staff: fc.boolean(),
    is_active: fc.boolean(),
    groups: fc.subarray([...GROUPS.keys()]),
    user_permissions: fc.subarray(PERMISSIONS),
    password: fc.constant('taken over'),
    first_name: fc.constantFrom('a', 'b'),
  },
  { requiredKeys: [] },
)

/** Everything that somebody can do: as themselves, and as everybody whose password they set. */
function reach(stored: Map<number, StoredUser>, owned: Set<number>): Set<string> {
  const powers = new Set<string>()
  for (const id of owned) {
    const one = stored.get(id)!
    if (!one.is_active) continue
    for (const permission of effective(one)) powers.add(`permission ${permission}`)
    if (one.is_superuser) powers.add('superuser')
  }
  return powers
}

t.test('no sequence of permitted changes enlarges what the actor can do', async (t) => {
  const steps = fc.array(
    fc.record({ by: fc.nat(3), target: fc.integer({ min: 1, max: 4 }), patch: anyPatch }),
    { maxLength: 12 },
  )
  fc.assert(
    fc.property(fc.tuple(anyUser(1), anyUser(2), anyUser(3), anyUser(4)), steps, (users, attempts) => {
      const stored = new Map(users.map((one) => [one.id, one]))
      const owned = new Set([1])
      stored.set(1, { ...stored.get(1)!, is_superuser: false, is_active: true, is_staff: true })
      const before = reach(stored, owned)
      for (const { by, target, patch } of attempts) {
        // Whoever took over accounts acts as any of them.
        const actor = stored.get([...owned][by % owned.size]!)!
        if (!actor.is_active || !actor.is_staff) continue
        const others = [...stored.values()].filter(({ id }) => id !== actor.id && id !== target)
        const decision = decide(actor, stored.get(target)!, patch, others)
        if (decision.kind !== 'changed') continue
        stored.set(target, decision.after)
        if (decision.changed.includes('password')) owned.add(target)
      }
      const gained = [...reach(stored, owned)].filter((power) => !before.has(power))
      return gained.length === 0
    }),
    { numRuns: 3_000 },
  )
  t.pass('3,000 sequences')
})
