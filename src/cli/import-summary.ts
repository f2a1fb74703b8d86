/** What `import` says at its end. */

/** As `--json` has it. */
export interface ImportSummary {
  dry_run: boolean
  /** Records of the file. */
  read: number
  /** Users that were made, or would be; by earlier runs of the same import too. */
  imported: number
  /** Whose username was taken, with `--existing skip`. */
  skipped: number
  /** Lines that are wrong. */
  failed: number
  /** The line that an earlier run came to; null where this is the first. */
  resumed_after: number | null
  /** Whether all that is right is imported. */
  finished: boolean
  seconds: number
}

export function inWords({ dry_run, read, imported, skipped, failed, seconds }: ImportSummary): string {
  const verb = dry_run ? 'would be imported' : 'imported'
  return `${read} read, ${imported} ${verb}, ${skipped} skipped, ${failed} failed, in ${seconds.toFixed(1)} s.`
}
