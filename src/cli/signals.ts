/** The signals that end a process, and the two cases in which they must not do so at once. */
import { setTimeout as sleep } from 'node:timers/promises'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** npm hands a Ctrl-C on to a process that has got it from the terminal already, a moment later. */
const ECHO_MS = 1_000

/**
 * Keeps signals from ending the process, for a command that must tidy up first.
 * @param onSignal for one that can be told to end soon
 * @returns lets them have their way, also the one that came meanwhile
 */
export function holdSignals(onSignal = () => {}): () => void {
  let held: NodeJS.Signals | undefined
  const hold = (signal: NodeJS.Signals) => {
    held = signal
    onSignal()
  }
  for (const signal of SIGNALS) process.on(signal, hold)
  return () => {
    for (const signal of SIGNALS) process.off(signal, hold)
    if (held !== undefined) process.kill(process.pid, held)
  }
}

/** The first signal that is to end the process, which goes on until `release` is called. */
export function awaitSignal(): { signal: Promise<void>; release: () => void } {
  let end = () => {}
  const first = new Promise<void>((resolve) => (end = resolve))
  for (const signal of SIGNALS) process.on(signal, end)
  return {
    signal: first,
    release: () => {
      for (const signal of SIGNALS) process.off(signal, end)
    },
  }
}

/**
 * For a process that others end by their own listeners: without any listener, be it for the moment in which one
 * takes the place of another, Node.js leaves a signal to the system, which ends the process on the spot.
 */
export function outliveSignals(): void {
  for (const signal of SIGNALS) process.on(signal, outlive)
}

const outlive = () => {}

/** Right after a signal: takes those that follow at once for its echo, and not for an operator's impatience. */
export async function ignoreEcho(signal: NodeJS.Signals): Promise<void> {
  const listeners = process.rawListeners(signal).filter((listener) => listener !== outlive)
  for (const listener of listeners) process.off(signal, listener as NodeJS.SignalsListener)
  await sleep(ECHO_MS, undefined, { ref: false })
  for (const listener of listeners) process.on(signal, listener as NodeJS.SignalsListener)
}
