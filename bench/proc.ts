/** What Linux tells of processes. Elsewhere there is nothing to tell: NaN. */
import { readdir, readFile } from 'node:fs/promises'

// USER_HZ, which Linux has fixed at 100 for all that it shows to programs.
const TICKS = 100
const PAGE = 4_096

interface Stat {
  pid: number
  parent: number
  /** Of the process itself, and of those of its children that have ended and were waited for, in seconds. */
  own: number
  ofEnded: number
  residentBytes: number
}

/** CPU seconds of a process, so far. */
export async function cpuOf(pid: number): Promise<number> {
  const stat = await readStat(pid)
  return stat === undefined ? Number.NaN : stat.own + stat.ofEnded
}

/** CPU seconds of a process and its children, so far; those that have ended count too. */
export async function cpuOfFamily(pid: number): Promise<number> {
  let family = await readFamily(pid)
  // One that ends while they are read one by one would be counted twice, or not at all.
  for (;;) {
    const again = await readFamily(pid)
    if (again.map((stat) => stat.pid).join() === family.map((stat) => stat.pid).join()) return total(again)
    family = again
  }
}

/** Of one that has no such process, nothing can be said. */
const total = (family: Stat[]): number =>
  family.length === 0 ? Number.NaN : family.reduce((sum, { own, ofEnded }) => sum + own + ofEnded, 0)

async function readFamily(pid: number): Promise<Stat[]> {
  const stats = await readStats()
  return stats.filter((stat) => stat.pid === pid || stat.parent === pid)
}

/** Resident memory of a process, in bytes. */
export async function residentOf(pid: number): Promise<number> {
  return (await readStat(pid))?.residentBytes ?? Number.NaN
}

async function readStats(): Promise<Stat[]> {
  const entries = await readdir('/proc').catch(() => [])
  const pids = entries.filter((name) => /^\d+$/.test(name)).map(Number)
  const stats = await Promise.all(pids.map(readStat))
  return stats.filter((stat) => stat !== undefined)
}

async function readStat(pid: number): Promise<Stat | undefined> {
  // One that ended meanwhile has no file any more.
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  // The second field is a name in parentheses, which may hold anything.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const [parent, user, system, endedUser, endedSystem, pages] = [1, 11, 12, 13, 14, 21].map(
    (at) => fields[at]!,
  )
  return {
    pid,
    parent: parent!,
    own: (user! + system!) / TICKS,
    ofEnded: (endedUser! + endedSystem!) / TICKS,
    residentBytes: pages! * PAGE,
  }
}
