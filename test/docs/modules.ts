/** Blocks of `js` and `ts`: modules of an app that has installed the package. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { createDatabase } from '../helpers/database.js'
import { type Block, ROOT } from './markdown.js'
import type { World } from './world.js'

const COMPILER = path.join(ROOT, 'node_modules/typescript/bin/tsc')
/** Compiles it, and runs it on an empty database until it ends. One that listens is asked for a user, and ended. */
export async function runModule(t: Test, { lang, text, line }: Block, world: World): Promise<void> {
  const folder = path.join(world.folder, `app/block-${line}`)
  const file = path.join(folder, `block.${lang}`)
  await mkdir(folder)
  // Beside the service of the page.
  await writeFile(file, world.toReal(text.replace(/\bport: \d+/, 'port: 0')))
  if (lang === 'ts') await compile(folder, file)
  const { url } = await createDatabase(t, { template: 'empty' })
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), file], {
    cwd: folder,
    env: { PATH: process.env.PATH, DATABASE_URL: url },
  })
  const ended = once(child, 'close')
  t.teardown(() => {
    child.kill('SIGKILL')
    return ended
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  if (text.includes('.listen(')) {
    const address = await new Promise<string>((resolve, reject) => {
      child.stdout.on('data', () => {
        const [found] = /http:\/\/127\.0\.0\.1:\d+/.exec(output) ?? []
        if (found !== undefined) resolve(found)
      })
      child.on('exit', (status) => reject(new Error(`it ended with ${status}: ${output}`)))
    })
    const answer = await fetch(`${address}/admin/users/1/`)
    t.equal(answer.status, 401, 'it answers')
    child.kill('SIGTERM')
  }
  const [status, signal] = await ended
  t.ok(status === 0 || signal === 'SIGTERM', `it ends well: ${status} ${output}`)
}

async function compile(folder: string, file: string): Promise<void> {
  const project = path.join(folder, 'tsconfig.json')
  // The sources of the package are read with it.
  const extended = path.join(ROOT, 'tsconfig.json')
  await writeFile(project, JSON.stringify({ extends: extended, include: [], files: [file] }))
  await promisify(execFile)(process.execPath, [COMPILER, '-p', project]).catch(({ stdout }) => {
    throw new Error(stdout)
  })
}
