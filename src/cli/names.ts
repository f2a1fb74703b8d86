/** What things are called outside of the program. */

/** How this command line is run: TypeScript runs in a checkout only, by npm. */
export const COMMAND = import.meta.url.endsWith('.ts') ? 'npm run -s cli --' : 'user-admin'

/** The file in the data folder that holds the first API key. */
export const KEY_FILE = 'api-key'

/** A text as one word of a POSIX shell. */
export const quote = (text: string): string =>
  /^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
