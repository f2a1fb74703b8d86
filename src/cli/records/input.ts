/** What is imported: a file, or standard input put into one, since it is read more than once. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, mkdtemp, open, rm, stat } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { CommandError } from '../failure.js'

/** Bytes that are read at once. */
const CHUNK = 1 << 18

export interface Input {
  /** In bytes. */
  size: number
  /** Whether this path leads to it as well, by whatever links. */
  isAt(name: string): Promise<boolean>
  /** All of it, from the beginning; as often as wanted. */
  chunks(onRead?: (bytes: number) => void): AsyncGenerator<Buffer>
  /** SHA-256. */
  digest(): Promise<Buffer>
  close(): Promise<void>
}

/**
 * @param name a path, or `-` for standard input
 * @throws CommandError where it can't be read
 */
export async function openInput(name: string): Promise<Input> {
  const handle = await openFile(name)
  const { size, dev, ino } = await handle.stat()
  const chunks: Input['chunks'] = (onRead) => chunksOf(handle, onRead)
  return {
    size,
    async isAt(other) {
      const found = await stat(other).catch(() => undefined)
      return found?.dev === dev && found.ino === ino
    },
    chunks,
    async digest() {
      const hash = createHash('sha256')
      for await (const chunk of chunks()) hash.update(chunk)
      return hash.digest()
    },
    close: () => handle.close(),
  }
}

async function openFile(name: string): Promise<FileHandle> {
  if (name === '-') return spool(process.stdin)
  try {
    const handle = await open(name)
    const stat = await handle.stat()
    if (stat.isFile()) return handle
    await handle.close()
    if (stat.isDirectory()) throw new CommandError(`${name} is a directory.`)
    // A pipe is read once, and no more.
    return await spool(createReadStream(name))
  } catch (error) {
    if (error instanceof CommandError) throw error
    throw new CommandError(`${name} can't be read: ${(error as Error).message}`)
  }
}

/** Into a file that nobody else can read, and that is gone with this process, however that ends. */
async function spool(source: AsyncIterable<Buffer>): Promise<FileHandle> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'user-admin-import-'))
  try {
    const handle = await open(path.join(folder, 'input'), 'wx+', 0o600)
    await rm(folder, { recursive: true, force: true })
    for await (const chunk of source) await handle.appendFile(chunk)
    return handle
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function* chunksOf(handle: FileHandle, onRead?: (bytes: number) => void): AsyncGenerator<Buffer> {
  for (let position = 0; ;) {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK, position)
    if (bytesRead === 0) return
    position += bytesRead
    onRead?.(position)
    yield buffer.subarray(0, bytesRead)
  }
}
