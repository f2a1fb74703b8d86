import { execFile } from 'node:child_process'
import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { ROOT } from '../build.js'
import type { Scenario } from '../scenarios.js'

const run = promisify(execFile)
const MB = 1024 * 1024

/** What an installation brings along. */
const TREES = {
  'with all that it depends on': ['--omit=dev', '--omit=optional'],
  'with the embedded PostgreSQL': ['--omit=dev'],
}

/** What is downloaded, and what lies on the disk. Nothing is measured in time. */
export const packageSize: Scenario = async () => {
  const { size, unpackedSize, entryCount } = await pack()
  const rows = [
    ['the tarball', '1', '1', megabytes(size)],
    ['unpacked', '1', String(entryCount), megabytes(unpackedSize)],
  ]
  for (const [label, omitted] of Object.entries(TREES)) {
    const folders = await installed(omitted)
    const sizes = await Promise.all(folders.map(sizeOf))
    const files = sizes.reduce((sum, { files }) => sum + files, entryCount)
    const bytes = sizes.reduce((sum, { bytes }) => sum + bytes, unpackedSize)
    rows.push([label, String(folders.length + 1), String(files), megabytes(bytes)])
  }
  return {
    sections: [{ title: 'Size', about: ABOUT, head: ['', 'packages', 'files', 'MB'], rows }],
    figures: {},
  }
}

const ABOUT = 'What `npm install fastify-user-admin` brings, on this platform.'

const megabytes = (bytes: number) => (bytes / MB).toFixed(1)

interface Packed {
  size: number
  unpackedSize: number
  entryCount: number
}

async function pack(): Promise<Packed> {
  const { stdout } = await run('npm', ['pack', '--dry-run', '--json', '--silent'], { cwd: ROOT })
  // What `prepack` prints comes first.
  return JSON.parse(stdout.slice(stdout.search(/^\[$/m)))[0]
}

/** The folders of the packages that an installation has beside this one. */
async function installed(omitted: string[]): Promise<string[]> {
  const { stdout } = await run('npm', ['ls', '--all', '--parseable', ...omitted], { cwd: ROOT })
  return stdout
    .trim()
    .split('\n')
    .filter((folder) => folder !== ROOT)
}

/** Of a package alone: those that are nested in it are told of by themselves. */
async function sizeOf(folder: string): Promise<{ files: number; bytes: number }> {
  const entries = await readdir(folder, { withFileTypes: true })
  const parts = await Promise.all(
    entries
      .filter(({ name }) => name !== 'node_modules')
      .map(async (entry) => {
        const place = path.join(folder, entry.name)
        if (entry.isDirectory()) return sizeOf(place)
        return { files: 1, bytes: entry.isFile() ? (await stat(place)).size : 0 }
      }),
  )
  return parts.reduce((sum, part) => ({ files: sum.files + part.files, bytes: sum.bytes + part.bytes }), {
    files: 0,
    bytes: 0,
  })
}
