/** Where an export goes: to a file, which is there once it is whole, or to standard output. */
import { open, rename, rm } from 'node:fs/promises'
import { CommandError } from '../failure.js'

export interface Output {
  /**
   * Waits until it is taken.
   * @returns whether more is wanted
   */
  write(text: string): Promise<boolean>
  /** Keeps the file. */
  finish(): Promise<void>
  /** Leaves no file behind that is not whole. */
  close(): Promise<void>
}

/** @throws CommandError where the file can't be made */
export const openOutput = (name: string | undefined): Promise<Output> =>
  name === undefined ? Promise.resolve(STANDARD) : openFile(name)

const STANDARD: Output = {
  write: (text) =>
    new Promise((resolve, reject) => {
      process.stdout.write(text, (error: NodeJS.ErrnoException | null | undefined) => {
        if (error && error.code !== 'EPIPE') reject(error)
        // Whoever reads has seen enough.
        else resolve(!error)
      })
    }),
  finish: async () => {},
  close: async () => {},
}

async function openFile(name: string): Promise<Output> {
  const draft = `${name}.part`
  // For its owner alone: it is about people, and may hold hashes of their passwords.
  const handle = await open(draft, 'w', 0o600).catch((error: Error) => {
    throw new CommandError(`${name} can't be written: ${error.message}`)
  })
  let isWhole = false
  return {
    async write(text) {
      await handle.appendFile(text)
      return true
    },
    async finish() {
      await handle.sync()
      await rename(draft, name)
      isWhole = true
    },
    async close() {
      await handle.close()
      if (!isWhole) await rm(draft, { force: true })
    },
  }
}
