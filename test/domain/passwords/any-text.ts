import fc from 'fast-check'

const isSurrogate = (point: number): boolean => point >= 0xd800 && point <= 0xdfff
// As fast-check's unit 'binary', which takes most of a second to build.
const unit = fc
  .integer({ min: 0, max: 0x10ffff })
  .filter((point) => !isSurrogate(point))
  .map((point) => String.fromCodePoint(point))

/** Text of any Unicode characters, few of them assigned; half of it from the ones that people type. */
export function anyText(bounds: { minLength?: number; maxLength?: number } = {}): fc.Arbitrary<string> {
  return fc.oneof(fc.string({ unit, ...bounds }), fc.string({ unit: 'grapheme-ascii', ...bounds }))
}
