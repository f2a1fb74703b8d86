/** How much work something is. The time by a clock depends on what else a machine does. */

export interface Worked<T> {
  result: T
  /** Milliseconds of CPU, in all threads of this process. */
  cpuMs: number
}

/** What nothing else should run beside in this process. */
export async function measureCpu<T>(work: () => T | Promise<T>): Promise<Worked<T>> {
  const before = process.cpuUsage()
  const result = await work()
  return { result, cpuMs: process.cpuUsage(before).user / 1_000 }
}
