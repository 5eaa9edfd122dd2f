import fc from 'fast-check';

/** Any code point but half a surrogate pair. */
const codePoint = fc
  .nat({ max: 0x10_ffff - 0x800 })
  .map((n) => String.fromCodePoint(n < 0xd800 ? n : n + 0x800));

/** As `fc.string({ unit: 'binary' })`, which first spends two seconds on a table of all of Unicode. */
export const anyText = (maxLength: number): fc.Arbitrary<string> => fc.string({ unit: codePoint, maxLength });
