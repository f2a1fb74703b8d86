/** Contenders on the directory that most scenarios work on. */
import type { Bench } from '../bench.js'
import type { Contender } from '../compare.js'
import type { Directory } from '../database.js'
import type { Load } from '../load.js'
import type { ServiceName } from '../processes.js'

/** Requests about all users, by a superuser, where nothing else is said. */
export const loadOn = ({ users, superuserKey }: Directory, load: Partial<Load> = {}): Contender['load'] => ({
  method: 'PATCH',
  field: 'first_name',
  key: superuserKey,
  ids: [1, users],
  ...load,
})

/** These services, each under the same load. */
export async function contendersOf(
  bench: Bench,
  names: readonly ServiceName[],
  load: (directory: Directory) => Partial<Load>,
): Promise<Contender[]> {
  const directory = await bench.directory()
  const contenders: Contender[] = []
  for (const name of names) {
    const service = await bench.service(name)
    contenders.push({ name, service, directory, load: loadOn(directory, load(directory)) })
  }
  return contenders
}
