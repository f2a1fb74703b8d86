import { SetupError } from '../../errors.js'

export type EmbeddedPostgresFault =
  | 'binaries-missing'
  | 'binaries-unusable'
  | 'disk-full'
  | 'in-use'
  | 'not-writable'
  | 'other-version'
  | 'start-failed'
  | 'unsupported'

/** The embedded PostgreSQL can't be had; `message` tells the operator why and what to do. */
export class EmbeddedPostgresError extends SetupError {
  override readonly name = 'EmbeddedPostgresError'

  constructor(
    readonly code: EmbeddedPostgresFault,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

export function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}

/** What a failed file operation below `folder` means to the operator. */
export function folderError(error: unknown, folder: string): EmbeddedPostgresError {
  if (error instanceof EmbeddedPostgresError) return error
  const cause = { cause: error }
  switch (errnoOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return diskFull(folder, cause)
    case 'EROFS':
      return new EmbeddedPostgresError(
        'not-writable',
        `${folder} is on a read-only file system. ${ADVICE}`,
        cause,
      )
    case 'EACCES':
    case 'EPERM':
      return new EmbeddedPostgresError(
        'not-writable',
        `${folder} is not writable for ${me()}. ${ADVICE}`,
        cause,
      )
    case 'ENOENT':
      // What Node.js makes of a read-only file system when it makes a folder and its parents.
      return new EmbeddedPostgresError(
        'not-writable',
        `${folder} can't be made: a folder above it is missing or read-only. ${ADVICE}`,
        cause,
      )
    case 'EEXIST':
    case 'ENOTDIR':
      return new EmbeddedPostgresError('not-writable', `${folder} is not a folder. ${ADVICE}`, cause)
    default:
      return new EmbeddedPostgresError(
        'start-failed',
        `${folder} can't be used: ${String(error)}. ${ADVICE}`,
        cause,
      )
  }
}

/** What `output`, the last words of initdb or postgres, means to the operator. */
export function serverError(what: string, output: string, folder: string): EmbeddedPostgresError {
  const said = new Error(output)
  if (/no space left on device|disk quota exceeded/i.test(output)) return diskFull(folder, { cause: said })
  if (/read-only file system/i.test(output))
    return folderError(Object.assign(said, { code: 'EROFS' }), folder)
  const tail = output.trim() || 'it said nothing'
  return new EmbeddedPostgresError('start-failed', `${what} The end of its log:\n${tail}`)
}

export function diskFull(folder: string, options?: ErrorOptions): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    'disk-full',
    `The disk that holds ${folder} is full: PostgreSQL needs about 64 MB there. ` +
      'Free some room, or choose another data folder, or set DATABASE_URL.',
    options,
  )
}

const ADVICE = 'Choose another data folder, or set DATABASE_URL.'

function me(): string {
  return `user id ${process.getuid?.() ?? 'unknown'}`
}
