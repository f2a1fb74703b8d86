/** `docs/reliability.md`: fault, promise, figure. */
import os from 'node:os'
import { CHAPTERS, type Figure } from './figures.js'

/** The page of what one run has measured. */
export function renderPage(figures: readonly Figure[], today = new Date()): string {
  const chapters = Object.entries(CHAPTERS).flatMap(([chapter, title]) => {
    const own = figures.filter((figure) => figure.chapter === chapter)
    return own.length === 0 ? [] : [`## ${title}\n`, table(own)]
  })
  return [HEAD, `${circumstances(today)}\n`, ...chapters].join('\n')
}

const HEAD = `# Reliability

Written by \`npm run test:faults\`: edit the tests in \`test/faults/\`, not this page. Each line is a test: what was done to the running
service, what must hold and is asserted, and what was seen.
`

const circumstances = (today: Date): string =>
  `Last run: ${today.toISOString().slice(0, 10)}, Node.js ${process.version}, ${os.availableParallelism()} cores. Times depend on the ` +
  'machine; counts that must be zero do not.'

const table = (figures: readonly Figure[]): string =>
  [
    '| Fault | Promise | Figure |',
    '| --- | --- | --- |',
    ...figures.map(({ fault, promise, figure }) => `| ${[fault, promise, figure].map(cell).join(' | ')} |`),
    '',
  ].join('\n')

const cell = (text: string): string => text.replaceAll('|', String.raw`\|`).replaceAll('\n', ' ')
