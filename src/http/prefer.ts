/** Preferences of a request (RFC 7240). */

/** Whether the header asks for lenient handling: what is not understood is dropped instead of refused. */
export const prefersLenient = (prefer: unknown): boolean =>
  typeof prefer === 'string' && /(?:^|,)\s*handling\s*=\s*"?lenient"?\s*(?:[,;]|$)/i.test(prefer)
