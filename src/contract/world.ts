/** What the checks work on. */
import type { Test } from './assertions.js'
import { Account, Subject } from './subject.js'

export interface WorldOptions {
  /** Where the service is. */
  url: string
  /** An API key of an active staff superuser. */
  key: string
  /** The user of the key, as the service says by default. What is changed of it is put back. */
  userId?: number | undefined
  /** A user that nobody needs: its flags are switched and put back, and its password is lost. */
  spareUserId?: number | undefined
}

export interface World {
  subject: Subject
  own: Account
  spare: Account | undefined
  /** Paths of what a check made, which is deleted when the check is over, also where it fails. */
  made: Set<string>
  /** Puts every user back into its original state, but for the password of the spare one, and deletes what was made. */
  putBack(): Promise<void>
}

export type Check = (t: Test, world: World) => Promise<void>
export type Checks = Record<string, Check>

/** Why a check is left out where there is no spare user. */
export const NEEDS_SPARE = { skip: 'needs --spare-user-id: it would lock out the user of the key' }

/** @throws where the service has no document, or the users are not such as the checks need */
export async function openWorld({ url, key, userId, spareUserId }: WorldOptions): Promise<World> {
  const subject = await Subject.open(url, key)
  const own = await Account.open(subject, userId ?? (await readOwnId(subject)))
  const { is_active, is_staff, is_superuser } = own.original
  if (!(is_active && is_staff && is_superuser))
    throw new Error(`The key must be that of an active staff superuser: the user ${own.id} is none.`)
  if (spareUserId === own.id)
    throw new Error(
      `The spare user must be another one than that of the key, ${own.id}: it would be locked out.`,
    )
  const spare = spareUserId === undefined ? undefined : await Account.open(subject, spareUserId)
  const made = new Set<string>()
  return {
    subject,
    own,
    spare,
    made,
    async putBack() {
      for (const path of made) {
        const { status, text } = await subject.call('DELETE', path)
        if (status !== 204 && status !== 404)
          throw new Error(`${path} could not be deleted: ${status} ${text}`)
        made.delete(path)
      }
      await own.restore()
      await spare?.restore()
    },
  }
}

async function readOwnId(subject: Subject): Promise<number> {
  const { status, body } = await subject.call('GET', subject.document.pathOf('readMe'))
  if (status !== 200)
    throw new Error(`The service does not say whose key it is: ${status} ${body?.detail ?? ''}`)
  return body.user.id
}
