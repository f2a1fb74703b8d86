/** The audit event: who changed what, as it is answered, and how events are found and followed. */
import { type Static, Type } from '@sinclair/typebox'
import { id, idText, instant, nullable, storableText } from './fields.js'
import { fieldsParameter, listOf, listQuery, orderingParameter } from './list.js'
import { rangeOf } from './user.js'

/** Seconds that a request may wait for events, at most. */
export const MAX_WAIT_SECONDS = 30

/** What an event can tell of. */
export const EVENT_ACTIONS = [
  'user.create',
  'user.update',
  'user.delete',
  'group.create',
  'group.update',
  'group.delete',
  'api_key.create',
  'api_key.revoke',
  'token.revoke',
] as const
export type EventAction = (typeof EVENT_ACTIONS)[number]

const nullableId = (description: string, example: number) =>
  Type.Unsafe<number | null>({
    type: ['integer', 'null'],
    format: 'int64',
    description,
    examples: [example],
  })

const nullableText = (description: string, example: string) =>
  nullable(Type.String({ description, examples: [example] }))

/** An audit event as the service answers it. Never holds a secret. */
export const Event = Type.Object(
  {
    id: id({ description: 'Its place in the order of events.', examples: [1024] }),
    occurred_at: instant({ description: 'When it was recorded.', examples: ['2024-02-29T08:30:00.123456Z'] }),
    request_id: Type.String({
      description: 'The request, as the log names it.',
      examples: ['7c9e6679-7425-40de-944b-e07fc1f90ae7'],
    }),
    actor_id: nullableId('The user who did it; null on the command line.', 1),
    actor_username: nullableText('The name that the user had then.', 'ada.lovelace'),
    credential: nullableText('How the actor authenticated, such as `api_key:3`.', 'api_key:3'),
    action: Type.Unsafe<EventAction>({
      type: 'string',
      enum: [...EVENT_ACTIONS],
      description: 'What was done, or refused.',
      examples: ['user.update'],
    }),
    outcome: Type.Unsafe<'applied' | 'refused'>({
      type: 'string',
      enum: ['applied', 'refused'],
      description: 'Whether it was done. Refusals that concern privileges are recorded too.',
      examples: ['applied'],
    }),
    target_type: Type.String({ description: 'What kind of thing it was done to.', examples: ['user'] }),
    target_id: nullableId('Which of them; of a token, the user whose it was.', 7),
    changes: Type.Object(
      {},
      {
        additionalProperties: true,
        description:
          'Of what was applied: each changed field with its value before and after (a password as its mask). Of what was ' +
          'refused: the `fields`, and the `missing_permissions` or the `code` that say why.',
        examples: [{ is_staff: [false, true] }],
      },
    ),
  },
  {
    $id: 'fastify-user-admin/Event',
    title: 'Event',
    description: 'Something that was done, or refused.',
    additionalProperties: false,
  },
)
export type Event = Static<typeof Event>

export const EVENT_FIELDS = Object.keys(Event.properties) as (keyof Event)[]

/** An event in a list: those fields that were asked for. */
export const ListedEvent = Type.Partial(Event, {
  $id: 'fastify-user-admin/ListedEvent',
  title: 'Listed event',
  description: 'An event with the `fields` that were asked for: all of them by default.',
  additionalProperties: false,
})
export type ListedEvent = Static<typeof ListedEvent>

export const EventList = listOf(ListedEvent, 'EventList', 'List of events')

export const EVENT_ORDERINGS = ['id'] as const

const filters = {
  action: Type.Optional(
    Type.Unsafe<EventAction>({ type: 'string', enum: [...EVENT_ACTIONS], description: 'Of this kind.' }),
  ),
  outcome: Type.Optional(
    Type.Unsafe<'applied' | 'refused'>({
      type: 'string',
      enum: ['applied', 'refused'],
      description: 'What was done, or what was refused.',
    }),
  ),
  actor: Type.Optional(idText({ description: 'By this user (an id).' })),
  ...rangeOf('occurred_at'),
  ...orderingParameter(EVENT_ORDERINGS),
  ...fieldsParameter(EVENT_FIELDS),
}

/** How the events of one user are found. */
export const HistoryQuery = listQuery(filters)
export type HistoryQuery = Static<typeof HistoryQuery>

/** How events are found, or followed. */
export const EventListQuery = listQuery({
  ...filters,
  target_type: Type.Optional(
    storableText({
      maxLength: 30,
      description: 'About this kind of thing: `user`, `group`, `api_key` or `token`.',
    }),
  ),
  target: Type.Optional(idText({ description: 'About the one with this id.' })),
  after: Type.Optional(
    Type.String({
      pattern: '^(?:0|[1-9][0-9]{0,15})$',
      'x-pattern-message': 'must be the id of an event, or 0',
      description:
        'Follows the events: those after this one, oldest first, without a gap. `next` then always has the URL of what comes ' +
        'after. `0` begins with the oldest that is kept.',
    }),
  ),
  wait: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: MAX_WAIT_SECONDS,
      description: 'With `after`: seconds to wait for an event where there is none yet.',
    }),
  ),
})
export type EventListQuery = Static<typeof EventListQuery>
