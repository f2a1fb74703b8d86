/**
 * Password changes at a fixed rate, whatever becomes of them, until a signal ends it. A process of its own.
 */
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const DRAIN_MS = 30_000

const [origin, key, rate, highest] = process.argv.slice(2) as [string, string, string, string]
const agent = new Agent({ keepAlive: true })
const answers: Record<string, number> = {}
let sent = 0

let answered = 0

const note = (answer: string | number = 'none') => {
  answers[answer] = (answers[answer] ?? 0) + 1
  answered += 1
}

function changePassword(): void {
  const id = 1 + Math.floor(Math.random() * Number(highest))
  const sending = request(`${origin}/admin/users/${id}/`, {
    agent,
    method: 'PATCH',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
  })
  sending.on('response', (response) => {
    note(response.statusCode)
    response.resume()
  })
  sending.on('error', () => note())
  sending.end(JSON.stringify({ password: `correct horse ${++sent}` }))
}

// Late ticks are made up for: a timer alone would send fewer when the machine is busy.
const began = Date.now()
const timer = setInterval(() => {
  const due = ((Date.now() - began) / 1_000) * Number(rate)
  while (sent < due) changePassword()
}, 5)

process.once('SIGTERM', async () => {
  clearInterval(timer)
  const seconds = (Date.now() - began) / 1_000
  const summary = { sent, seconds, answers: { ...answers } }
  // What waits for its hash would be in the way of what is measured next.
  for (const ended = Date.now(); answered < sent && Date.now() - ended < DRAIN_MS;) await sleep(50)
  process.stdout.write(`RESULT ${JSON.stringify(summary)}\n`, () => process.exit(0))
})
