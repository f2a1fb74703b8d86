/** Draws results.svg: bars of requests per second, against those of `floor`. */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Chart, Results } from './results.js'

const FILE = path.join(import.meta.dirname, 'results.svg')

// Seen on white and on near black: text in a grey of the middle, bars in colours of the middle.
const TEXT = '#7d8590'
const LINE = '#7d859055'
const COLOURS: Record<string, string> = { floor: '#8b949e', ordinary: '#d98324', ours: '#2f81d7' }

const FONT = 'system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif'
const WIDTH = 840
const HEIGHT = 360
const PLOT = { top: 86, bottom: 316, left: 44, gap: 56 }
const BAR = 30

/** Draws what was measured of PATCH and GET; nothing where there is neither. */
export async function drawPlot({ patch, get }: Results): Promise<void> {
  const charts = [patch?.chart, get?.chart].filter((chart) => chart !== undefined)
  if (charts.length > 0) await writeFile(FILE, drawing(charts))
}

export function drawing(charts: Chart[]): string {
  const highest = Math.max(
    1,
    ...charts.flatMap(({ groups }) => groups.flatMap(({ bars }) => bars.map((b) => b.value))),
  )
  const top = Math.ceil(highest * 1.05 * 2) / 2
  const width = (WIDTH - PLOT.left - PLOT.gap * (charts.length - 1) - 16) / charts.length
  const panels = charts.map((chart, index) =>
    panel(chart, PLOT.left + index * (width + PLOT.gap), width, top),
  )
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}"`,
    `  height="${HEIGHT}" role="img" aria-label="Requests per second against floor"`,
    `  font-family="${FONT}" font-size="13" fill="${TEXT}">`,
    text(
      PLOT.left,
      22,
      'Requests per second, against a bare UPDATE or SELECT',
      'font-size="15" font-weight="600"',
    ),
    ...legend(charts),
    ...panels.flat(),
    '</svg>',
    '',
  ].join('\n')
}

const MEANINGS: Record<string, string> = {
  floor: 'floor: one bare statement, no more',
  ordinary: 'ordinary: the whole job, the usual way',
  ours: 'ours: the whole job',
}

function legend(charts: Chart[]): string[] {
  const names = [
    ...new Set(charts.flatMap(({ groups }) => groups.flatMap(({ bars }) => bars.map((b) => b.name)))),
  ]
  let x = PLOT.left
  return names.flatMap((name) => {
    const meaning = MEANINGS[name] ?? name
    const parts = [rectangle(x, 36, 12, 12, name), text(x + 18, 47, meaning)]
    x += 34 + meaning.length * 7
    return parts
  })
}

function panel({ title, groups }: Chart, left: number, width: number, top: number): string[] {
  const y = (value: number) => PLOT.bottom - (value / top) * (PLOT.bottom - PLOT.top)
  const slot = width / groups.length
  return [
    text(left, 74, title, 'font-weight="600"'),
    ...grid(left, width, top, y),
    ...groups.flatMap(({ label, bars }, index) => {
      const middle = left + slot * (index + 0.5)
      const begin = middle - (bars.length * (BAR + 4) - 4) / 2
      return [
        text(middle, PLOT.bottom + 20, label, 'text-anchor="middle"'),
        ...bars.flatMap(({ name, value }, at) => bar(begin + at * (BAR + 4), y(value), name, value)),
      ]
    }),
  ]
}

const bar = (x: number, y: number, name: string, value: number): string[] => [
  rectangle(x, y, BAR, PLOT.bottom - y, name),
  text(x + BAR / 2, y - 5, value.toFixed(value < 10 ? 2 : 1), 'text-anchor="middle" font-size="11"'),
]

function grid(left: number, width: number, top: number, y: (value: number) => number): string[] {
  const step = top > 6 ? 2 : 1
  const values = Array.from({ length: Math.floor(top / step) + 1 }, (_, index) => index * step)
  return values.flatMap((value) => {
    const dashes = value === 1 ? 'stroke-dasharray="4 3"' : ''
    return [
      `<path d="M${round(left)} ${round(y(value))}h${round(width)}" stroke="${LINE}" ${dashes}/>`,
      text(left - 6, y(value) + 4, `${value}x`, 'text-anchor="end" font-size="11"'),
    ]
  })
}

function rectangle(x: number, y: number, width: number, height: number, name: string): string {
  const place = `x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"`
  return `<rect ${place} rx="2" fill="${COLOURS[name] ?? TEXT}"/>`
}

function text(x: number, y: number, content: string, attributes = ''): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<text x="${round(x)}" y="${round(y)}" ${attributes}>${escaped}</text>`
}

const round = (value: number) => Math.round(value * 10) / 10
