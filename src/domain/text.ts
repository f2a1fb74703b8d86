/** What Django does to a text before it looks at it. */
import type { Normalization } from '../../schemas/index.js'

// Python's str.strip, which is not JavaScript's trim: separators U+001C to U+001F and U+0085 count as white space,
// the byte order mark doesn't.
const isSpace = (code: number) =>
  (code >= 0x09 && code <= 0x0d) ||
  (code >= 0x1c && code <= 0x20) ||
  code === 0x85 ||
  code === 0xa0 ||
  code === 0x1680 ||
  (code >= 0x2000 && code <= 0x200a) ||
  code === 0x2028 ||
  code === 0x2029 ||
  code === 0x202f ||
  code === 0x205f ||
  code === 0x3000

/** Without surrounding white space, as Python's `str.strip()`. Linear: a regular expression would be quadratic. */
export function strip(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isSpace(text.charCodeAt(start))) start++
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

const NORMALIZERS: Record<Normalization, (text: string) => string> = {
  strip,
  NFKC: (text) => text.normalize('NFKC'),
}

/**
 * How much longer a text may be before it is normalised than after: some characters are written as four, and each of
 * those may take two code units. What is longer stays too long, and normalising takes time that grows with its square.
 */
const SHRINKS_AT_MOST = 8

/**
 * Applies the normalisations that a field declares, in their order.
 * @param maxLength of the field, in characters
 */
export const normalizeText = (
  text: string,
  normalizations: readonly Normalization[],
  maxLength: number,
): string =>
  normalizations.reduce(
    (value, normalization) =>
      normalization !== 'strip' && value.length > maxLength * SHRINKS_AT_MOST
        ? value
        : NORMALIZERS[normalization](value),
    text,
  )
