/** `npm run build`: the package into `dist`, its declarations by the compiler and its code by the bundler. */
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundle } from './bundle.js'

const ROOT = path.resolve(import.meta.dirname, '..')
const dist = path.join(ROOT, 'dist')
const compiler = fileURLToPath(import.meta.resolve('typescript/bin/tsc'))

rmSync(dist, { recursive: true, force: true })
execFileSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], { cwd: ROOT, stdio: 'inherit' })
bundle(dist)
