/** Loaded into a process, sends it a signal as soon as a folder has a file of such a name: from outside that may come too late. */
import { readdirSync } from 'node:fs'

const { INTERRUPT_BY, INTERRUPT_IN, INTERRUPT_AT } = process.env as Record<string, string>

const has = (folder: string, name: RegExp): boolean => {
  try {
    return readdirSync(folder).some((entry) => name.test(entry))
  } catch {
    return false
  }
}

const timer = setInterval(() => {
  if (!has(INTERRUPT_IN!, new RegExp(INTERRUPT_AT!))) return
  clearInterval(timer)
  process.kill(process.pid, INTERRUPT_BY)
}, 1)
timer.unref()
