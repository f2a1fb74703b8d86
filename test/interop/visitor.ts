/** Somebody at Django's pages: forms, with the cookies that they need. */
import querystring from 'node:querystring'
import type { Answer } from '../helpers/service.js'
import type { Django } from './django.js'

type Form = Record<string, string | number | boolean | readonly number[]>

export class Visitor {
  private readonly cookies = new Map<string, string>()

  constructor(private readonly django: Django) {}

  get(path: string): Promise<Answer> {
    return this.send('GET', path)
  }

  /** Fills a form in and sends it. A box that is not ticked is false, or not there. */
  async post(path: string, form: Form): Promise<Answer> {
    if (!this.cookies.has('csrftoken')) await this.get(path)
    const fields = Object.entries(form).filter(([, value]) => value !== false)
    return this.send(
      'POST',
      path,
      querystring.stringify({
        ...Object.fromEntries(fields),
        csrfmiddlewaretoken: this.cookies.get('csrftoken'),
      }),
    )
  }

  /** @returns whether that went well */
  async logIn(username: string, password: string): Promise<boolean> {
    const { status } = await this.post('/login/', { username, password })
    return status === 302
  }

  /** Who Django takes the visitor for; null for nobody that it knows. */
  async whoami(): Promise<number | null> {
    return (await this.get('/whoami/')).body.id
  }

  private async send(method: string, path: string, form?: string): Promise<Answer> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await this.django.request(method, path, {
      rawBody: form,
      headers: {
        ...(cookie === '' ? {} : { cookie }),
        ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
      },
    })
    for (const line of answer.headers['set-cookie'] ?? []) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      this.cookies.set(name, value)
    }
    return answer
  }
}

/** Somebody who has logged in. */
export async function logIn(django: Django, username: string, password: string): Promise<Visitor> {
  const visitor = new Visitor(django)
  if (!(await visitor.logIn(username, password))) throw new Error(`${username} can not log in`)
  return visitor
}
