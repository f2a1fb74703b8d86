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
}

/** Saves the whole form: what is not given is empty, but for `date_joined`. It redirects where that went well. */
export const saveUser = (visitor: Visitor, id: number, form: UserForm): Promise<Answer> =>
  visitor.post(`/django-admin/auth/user/${id}/change/`, {
    is_active: true,
    date_joined_0: '2024-01-15',
    date_joined_1: '09:00:00',
    ...form,
  })
