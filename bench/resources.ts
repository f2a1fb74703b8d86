/** What a run has opened, closed in the opposite order: also after a failure, and on Ctrl-C. */

export type Close = () => unknown

export class Resources {
  readonly #closers = new Set<Close>()
  #closing: Promise<void> | undefined

  /**
   * Has `close` called at the end, unless it was called before.
   * @returns a function that closes it now
   * @throws Error where the end has begun: nothing may be opened any more
   */
  add(close: Close): () => Promise<void> {
    if (this.#closing !== undefined) throw new Error('The run is ending.')
    this.#closers.add(close)
    return async () => {
      if (this.#closers.delete(close)) await close()
    }
  }

  /** Closes all of it. Goes on where something can't be closed. */
  close(): Promise<void> {
    return (this.#closing ??= this.#closeAll())
  }

  async #closeAll(): Promise<void> {
    for (const close of [...this.#closers].toReversed()) {
      try {
        await close()
      } catch (error) {
        process.stderr.write(`not closed: ${String(error)}\n`)
      }
    }
  }
}
