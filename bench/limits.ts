/** What limits the figures: written by whoever looked into it, and shown in RESULTS.md beside them. */
import type { FigureId } from './figures.js'

export const LIMITS: Partial<Record<FigureId, string>> = {}
