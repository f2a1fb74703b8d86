/**
 * What was measured, kept beside the code: scenarios may be run on different days, and are reported together.
 */
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { FigureId } from './figures.js'
import type { Machine } from './machine.js'
import type { Options } from './options.js'
import { SCENARIO_NAMES, type ScenarioName } from './scenario-names.js'

/** A table of results. */
export interface Section {
  title: string
  about: string
  head: string[]
  rows: string[][]
}

/** Bars beside each other, in groups. */
export interface Chart {
  title: string
  groups: { label: string; bars: { name: string; value: number }[] }[]
}

/** What a scenario found. */
export interface Findings {
  sections: Section[]
  figures: Partial<Record<FigureId, number>>
  chart?: Chart
}

/** What a scenario found, where and when. */
export interface Result extends Findings {
  at: string
  commit: string
  machine: Machine
  options: Pick<Options, 'rounds' | 'seconds' | 'users'>
}

export type Results = Partial<Record<ScenarioName, Result>>

const FILE = path.join(import.meta.dirname, 'results.json')

export async function readResults(): Promise<Results> {
  const text = await readFile(FILE, 'utf8').catch(() => '{}')
  return JSON.parse(text) as Results
}

/** Keeps the result of a scenario in the place of an earlier one. @returns all that are kept */
export async function keepResult(name: ScenarioName, result: Result): Promise<Results> {
  const all = { ...(await readResults()), [name]: result }
  const ordered = Object.fromEntries(
    SCENARIO_NAMES.flatMap((key) => (all[key] ? [[key, all[key]]] : [])),
  ) as Results
  await writeFile(FILE, `${JSON.stringify(ordered, undefined, 2)}\n`)
  return ordered
}
