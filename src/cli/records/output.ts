/** Where an export goes: to a file, which is there once it is whole, or to standard output. */
import { randomUUID } from 'node:crypto'
import { open, realpath, rename, rm, stat } from 'node:fs/promises'
import { CommandError, isBrokenPipe, unwritable } from '../failure.js'

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
      process.stdout.write(text, (error) => {
        if (error && !isBrokenPipe(error)) reject(error)
        // Whoever reads has seen enough.
        else resolve(!error)
      })
    }),
  finish: async () => {},
  close: async () => {},
}

/** Says of what file it was that it failed. */
const refuse = (name: string) => (error: Error) => {
  throw unwritable(name, error)
}

async function openFile(name: string): Promise<Output> {
  const found = await stat(name).catch(() => undefined)
  if (found?.isDirectory()) throw new CommandError(`${name} is a directory.`)
  if (found !== undefined && !found.isFile()) return openDevice(name)
  // A link stays one.
  return openWhole(name, found === undefined ? name : await realpath(name))
}

/** A pipe or a device: nothing can take its place. */
async function openDevice(name: string): Promise<Output> {
  const handle = await open(name, 'w').catch(refuse(name))
  return {
    async write(text) {
      try {
        await handle.appendFile(text)
        return true
      } catch (error) {
        // Whoever reads has seen enough.
        if (isBrokenPipe(error)) return false
        throw unwritable(name, error as Error)
      }
    },
    finish: async () => {},
    close: () => handle.close(),
  }
}

async function openWhole(name: string, target: string): Promise<Output> {
  const draft = `${target}.${randomUUID()}.part`
  // For its owner alone: it is about people, and may hold hashes of their passwords.
  const handle = await open(draft, 'wx', 0o600).catch(refuse(name))
  let isWhole = false
  return {
    async write(text) {
      await handle.appendFile(text).catch(refuse(name))
      return true
    },
    async finish() {
      await handle.sync()
      await rename(draft, target)
      isWhole = true
    },
    async close() {
      await handle.close()
      if (!isWhole) await rm(draft, { force: true })
    },
  }
}
