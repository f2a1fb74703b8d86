/** Django's admin page of a user, filled in. */
import type { Answer } from '../helpers/service.js'
import type { Visitor } from './visitor.js'

export interface UserForm {
  username: string
  first_name?: string
  last_name?: string
  email?: string
  is_active?: boolean
  is_staff?: boolean
  is_superuser?: boolean
  groups?: readonly number[]
  user_permissions?: readonly number[]
  /** As `2024-01-15T09:00:00Z`. */
  last_login?: string
  date_joined?: string
}

const JOINED = '2024-01-15T09:00:00Z'

/**
 * Saves the whole form: what is not given is empty, but for `is_active` and `date_joined`. It redirects where that went well.
 * @param joined what `date_joined` was when the form was opened, by which Django tells that it was changed
 */
export function saveUser(visitor: Visitor, id: number, form: UserForm, joined = JOINED): Promise<Answer> {
  const { last_login = '', date_joined = JOINED, ...fields } = form
  return visitor.post(`/django-admin/auth/user/${id}/change/`, {
    is_active: true,
    ...fields,
    ...inputsOf('last_login', last_login),
    ...inputsOf('date_joined', date_joined),
    ...inputsOf('initial-date_joined', joined),
  })
}

/** A date and a time are two inputs. */
function inputsOf(name: string, instant: string): Record<string, string> {
  const [date = '', time = ''] = instant.replace('Z', '').split('T')
  return { [`${name}_0`]: date, [`${name}_1`]: time }
}
