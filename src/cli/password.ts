/** Where a command gets a password from: never from its arguments, which every user of the machine can see. */
import { isUtf8 } from 'node:buffer'
import { read } from 'read'
import { CommandError } from './failure.js'

/** More than any password has: 128 characters of four bytes, and a line end. */
const ENOUGH = 4_096

/** Asks for it, twice and without echo, where there is a terminal; or else takes all of standard input. */
export const readPassword = (): Promise<string> => (process.stdin.isTTY ? promptTwice() : readAll())

async function promptTwice(): Promise<string> {
  const password = await prompt('Password:')
  if ((await prompt('Password (again):')) === password) return password
  throw new CommandError('The two passwords differ. Nothing was done.')
}

async function prompt(text: string): Promise<string> {
  // On standard error, which results are not sent to. `terminal`, or with `2>file` the typed would be echoed.
  const answer = read({ prompt: text, silent: true, terminal: true, output: process.stderr })
  return Promise.race([answer, abandoned()])
    .catch(() => {
      throw new CommandError('No password was given. Nothing was done.')
    })
    .finally(() => process.stderr.write('\n'))
}

/** Rejects at Ctrl-D, which `read` never answers: it shows only as the end of reading. */
const abandoned = () =>
  new Promise<never>((_, reject) => {
    process.stdin.once('pause', () => setImmediate(() => reject(new Error('canceled'))))
  })

/** All of standard input, without the line end that `echo` and editors add. */
async function readAll(): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    size += chunk.length
    if (size > ENOUGH) break
  }
  const bytes = Buffer.concat(chunks)
  // Otherwise a replacement character would be hashed, and no log-in would ever match.
  if (!isUtf8(bytes) && size <= ENOUGH) throw new CommandError('password: It is not UTF-8.')
  return bytes.toString('utf8').replace(/\r?\n$/, '')
}
