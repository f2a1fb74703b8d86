/** Django's mark of a password that nobody can log in with: `!` and forty random letters and digits. */
import { randomAlphanumerics } from './format.js'

/** As Django's `make_password(None)`. */
export const makeUnusablePassword = (): string => `!${randomAlphanumerics(40)}`
