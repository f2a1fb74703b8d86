/** Goes through all of it: `node dist/index.js http://127.0.0.1:3000 uak_…`. */
import { addToGroup, changesSince, connect, dismiss, hire, staff } from './directory.js'

declare const process: { argv: string[] }

const [baseUrl, key, group] = process.argv.slice(2)
if (baseUrl === undefined || key === undefined) throw new Error('Say where the service is, and the key.')
const client = connect(baseUrl, key)

const id = await hire(client, 'grace.hopper', 'correct horse battery staple')
if (group !== undefined) await addToGroup(client, id, Number(group))
console.log('Staff:', (await staff(client)).join(', '))
console.log('Grace:', await dismiss(client, id))
console.log('Nobody:', await dismiss(client, id + 1_000_000))
console.log('Events:', (await changesSince(client, 0)).join('; '))
