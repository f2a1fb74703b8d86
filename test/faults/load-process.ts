/** A process of its own that loads the services. It is told by messages what to do, and tells what it was answered. */
import { type Load, type LoadOptions, startLoad } from './load.js'

/** What it tells in the end. */
export type Told = Pick<Load, 'answers' | 'unexpected'>

let load: Load | undefined

process.on('message', async (message: LoadOptions | 'stop') => {
  if (message !== 'stop') {
    load = startLoad(message)
    return
  }
  await load?.stop()
  const told: Told = { answers: load?.answers ?? [], unexpected: load?.unexpected ?? [] }
  process.send!(told, () => process.exit())
})

process.on('disconnect', () => process.exit(1))
