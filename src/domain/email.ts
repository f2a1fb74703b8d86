/** E-mail addresses by the rules of Django's `EmailValidator` and `UserManager.normalize_email`. */
import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'

const ATOM = "[-!#$%&'*+/=?^_`{}|~0-9A-Za-z]+"
const DOT_ATOM = new RegExp(`^${ATOM}(?:\\.${ATOM})*$`)
// Printable and most control characters, or any of them escaped by a backslash.
const QUOTED = /^"(?:[\x01-\x08\x0b\x0c\x0e-\x1f!#-[\]-\x7f]|\\[\x01-\x09\x0b\x0c\x0e-\x7f])*"$/
const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
const DOMAIN = new RegExp(`^(?:${LABEL}\\.)+[A-Za-z0-9-]{1,62}[A-Za-z0-9]$`)
const LITERAL = /^\[([A-Fa-f0-9:.]+)\]$/

/** Whether Django would take this as an e-mail address. Its length is the schema's business. */
export function isEmail(text: string): boolean {
  const at = text.lastIndexOf('@')
  if (at < 1) return false
  const local = text.slice(0, at)
  const domain = text.slice(at + 1)
  return (DOT_ATOM.test(local) || QUOTED.test(local)) && isDomain(domain)
}

function isDomain(domain: string): boolean {
  if (domain === 'localhost' || DOMAIN.test(domain)) return true
  const literal = LITERAL.exec(domain)
  if (literal !== null) return isIP(literal[1]!) !== 0
  // A name in another script counts by its ASCII form. White space and the like never reach a real name.
  return (
    /^[^\s\x00-\x20\x7f]+$/.test(domain) &&
    !/^[\x00-\x7f]*$/.test(domain) &&
    DOMAIN.test(domainToASCII(domain))
  )
}

/** The form that is stored: the domain in lower case, the local part as it is. */
export function normalizeEmail(email: string): string {
  const at = email.lastIndexOf('@')
  return at < 0 ? email : email.slice(0, at + 1) + email.slice(at + 1).toLowerCase()
}
