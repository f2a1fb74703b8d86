/** Where faults of lines go: all of them to a file, as NDJSON, or the first ones to standard error. */
import { closeSync, openSync, writeSync } from 'node:fs'
import type { Fault } from '../../../schemas/index.js'
import { unwritable } from '../failure.js'
import { note } from '../output.js'

/** Faults that are shown where there is no file for them. */
const SHOWN = 20

/** Characters that are written at once. */
const BUFFERED = 1 << 16

export interface FaultSink {
  report(line: number, faults: readonly Fault[]): void
  /** Writes what is left; on standard error, all of it. */
  close(): void
}

/** @throws CommandError where the file can't be written */
export function openFaultSink(file: string | undefined): FaultSink {
  return file === undefined ? shownSink() : fileSink(file)
}

function fileSink(name: string): FaultSink {
  const file = orRefuse(name, () => openSync(name, 'w'))
  let text = ''
  const flush = () => {
    const written = text
    text = ''
    if (written !== '') orRefuse(name, () => writeSync(file, written))
  }
  return {
    report(line, faults) {
      for (const { pointer, code, detail } of faults)
        text += `${JSON.stringify({ line, pointer, code, detail })}\n`
      if (text.length > BUFFERED) flush()
    },
    close() {
      flush()
      closeSync(file)
    },
  }
}

function orRefuse(name: string, work: () => number): number {
  try {
    return work()
  } catch (error) {
    throw unwritable(name, error as Error)
  }
}

function shownSink(): FaultSink {
  const shown: string[] = []
  let others = 0
  return {
    report(line, faults) {
      for (const { pointer, detail } of faults) {
        if (shown.length < SHOWN) shown.push(`line ${line}: ${pointer === '' ? '' : `${pointer}: `}${detail}`)
        else others++
      }
    },
    close() {
      for (const text of shown) note(text.replaceAll(/\p{Cc}/gu, '?'))
      if (others > 0) note(`and ${others} more: --errors FILE keeps them all`)
    },
  }
}
