/** Entries of Django's own log of changes, `django_admin_log`: what the History pages of its admin site show. */
import { sql } from 'kysely'
import { Group, User } from '../../schemas/index.js'
import type { AuditEvent } from './audit.js'
import { USER_MODEL } from './names.js'
import type { Transaction } from './open-transaction.js'
import { rowsOf } from './rows.js'
import { query, statement } from './statement.js'

/** How changes are entered in Django's own log. */
export interface AdminLog {
  /** Who stands for callers that are no users, by username. Without one, what they do is not entered. */
  user?: string | undefined
}

/** As `LogEntry` has them: ADDITION, CHANGE and DELETION. */
const FLAGS: Record<string, number> = { create: 1, update: 2, delete: 3 }

const labelOf = (field: string, { title }: { title?: string }): string =>
  title ?? field.charAt(0).toUpperCase() + field.slice(1).replaceAll('_', ' ')

const labelled = <Field extends string>(properties: Record<Field, { title?: string }>, fields: Field[]) =>
  fields.map((field) => [field, labelOf(field, properties[field])] as const)

/** The fields of the admin site's forms, in their order. A password is changed in a form that gives it no label. */
const FORMS = {
  user: [
    ...labelled(User.properties, ['username']),
    ['password', 'password'],
    ...labelled(User.properties, [
      'first_name',
      'last_name',
      'email',
      'is_active',
      'is_staff',
      'is_superuser',
      'groups',
      'user_permissions',
      'last_login',
      'date_joined',
    ]),
  ],
  group: labelled(Group.properties, ['name', 'permissions']),
} as const

interface Entry {
  /** Null for whoever is no user: then it is the user with this name. */
  actor_id: number | null
  stand_in: string | null
  target_type: keyof typeof FORMS
  target_id: number
  /** What a deleted object was called; null for one that is there, and says itself what it is called now. */
  name: string | null
  flag: number
  message: string
}

/** Entries have the order of what they tell of. */
interface EntryRow extends Entry {
  position: number
}

const COLUMNS = {
  actor_id: 'bigint',
  stand_in: 'text',
  target_type: 'text',
  target_id: 'bigint',
  name: 'text',
  flag: 'int',
  message: 'text',
  position: 'int',
} as const

const NAMES = Object.keys(COLUMNS) as (keyof typeof COLUMNS)[]

// Who has deleted themselves is not there any more, and Django's entries go with their user.
const insertStatement = statement(
  'insert_admin_log',
  (...arrays: unknown[][]) =>
    query
      .insertInto('django_admin_log')
      .columns([
        'action_time',
        'user_id',
        'content_type_id',
        'object_id',
        'object_repr',
        'action_flag',
        'change_message',
      ])
      .expression(
        query
          .selectFrom(rowsOf<EntryRow>(COLUMNS, arrays))
          .innerJoin('auth_user as actor', (join) =>
            join.on((on) =>
              on.or([
                on('actor.id', '=', on.ref('d.actor_id')),
                on.and([on('d.actor_id', 'is', null), on('actor.username', '=', on.ref('d.stand_in'))]),
              ]),
            ),
          )
          .leftJoin('django_content_type as c', (join) =>
            join.on(
              sql<string>`c.app_label || '.' || c.model`,
              '=',
              sql<string>`case d.target_type when 'user' then ${sql.raw(USER_MODEL)} else 'auth.group' end`,
            ),
          )
          .select([
            sql<string>`now()`.as('action_time'),
            'actor.id as user_id',
            'c.id as content_type_id',
            sql<string>`d.target_id::text`.as('object_id'),
            sql<string>`left(coalesce(d.name, case d.target_type
              when 'user' then (select username from auth_user where id = d.target_id)
              else (select name from auth_group where id = d.target_id) end), 200)`.as('object_repr'),
            'd.flag as action_flag',
            'd.message as change_message',
          ])
          .orderBy('d.position'),
      ),
  NAMES.length,
)

/** Enters what was done to users and groups, in the transaction that does it; where that is wanted. */
export function enterInAdminLog(transaction: Transaction, events: readonly AuditEvent[]): void {
  if (transaction.adminLog === undefined) return
  const { user } = transaction.adminLog
  const entries = events
    .flatMap((event) => entriesOf(event, user))
    .map((entry, position): EntryRow => ({ ...entry, position }))
  if (entries.length === 0) return
  transaction.send(insertStatement, ...NAMES.map((column) => entries.map((entry) => entry[column])))
}

/** Django has no entries of refusals, and none that are nobody's. */
function entriesOf(
  { action, outcome, actor_id, target_id, changes }: AuditEvent,
  user: string | undefined,
): Entry[] {
  const [type = '', verb = ''] = action.split('.')
  const flag = FLAGS[verb]
  if (outcome === 'refused' || target_id === null) return []
  if (actor_id === null && user === undefined) return []
  if (flag === undefined || (type !== 'user' && type !== 'group')) return []
  return [
    {
      actor_id,
      stand_in: user ?? null,
      target_type: type,
      target_id,
      name: verb === 'delete' ? nameBefore(changes) : null,
      flag,
      message: messageOf(verb, type, changes),
    },
  ]
}

const nameBefore = ({ username, name }: AuditEvent['changes']): string =>
  String(([username, name].find(Array.isArray) as unknown[])[0])

/** As `construct_change_message` of Django's admin has it: the labels of the form's fields, in its own JSON. */
function messageOf(verb: string, type: keyof typeof FORMS, changes: object): string {
  if (verb === 'delete') return ''
  if (verb === 'create') return '[{"added": {}}]'
  const labels = FORMS[type].filter(([field]) => field in changes).map(([, label]) => JSON.stringify(label))
  return `[{"changed": {"fields": [${labels.join(', ')}]}}]`
}
