/**
 * Cells that a spreadsheet would run as a formula: they get an apostrophe in front, which tells it that they are text. It is
 * taken off again where they are read, so that nothing is lost.
 */
const RUN = /^'*[=+\-@\t\r\n＝＋－＠]/
const QUOTED = /^'+[=+\-@\t\r\n＝＋－＠]/

/** A text as it is written. */
export const formula = (text: string): string => (RUN.test(text) ? `'${text}` : text)

/** A text as it was before. */
export const plain = (cell: string): string => (QUOTED.test(cell) ? cell.slice(1) : cell)
