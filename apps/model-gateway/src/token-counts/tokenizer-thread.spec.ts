import type { Tokenizer } from '@purser/plugin-sdk';
import fc from 'fast-check';
import { countTexts, type Encode, encoderOf, piecesOf } from './tokenizer-thread.js';

const bytes = (text: string) => Buffer.byteLength(text);
/** Each text comes whole again, so it takes no time at all. */
const frozen = () => 0;

const words = fc.constantFrom(
  'the',
  'Größe',
  'it’s',
  "don't",
  'x1',
  '漢字かな',
  'привет',
  'ภาษา',
  'नमस्ते',
  '🪙🎉',
  '1234',
  'ﬁ',
  'é',
);
const marks = fc.constantFrom(
  ' ',
  '  ',
  '\n',
  '\r\n',
  '\n\n  ',
  ', ',
  '.',
  "'",
  '’',
  '\t',
  '/',
  '(',
  '→',
  '\u00a0',
  '\u0301',
  '',
);
/** What people and programs write, and what nobody does; much of it longer than a piece. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc
    .tuple(fc.array(fc.tuple(words, marks), { minLength: 1, maxLength: 30 }), fc.integer({ min: 1, max: 60 }))
    .map(([parts, times]) =>
      parts
        .map((part) => part.join(''))
        .join('')
        .repeat(times),
    ),
  fc
    .tuple(fc.string({ unit: 'binary', minLength: 1, maxLength: 5 }), fc.nat(3_000))
    .map(([one, times]) => one.repeat(times)),
);

describe.each<Tokenizer>(['o200k_base', 'cl100k_base'])('%s', (tokenizer) => {
  let encode: Encode;
  beforeAll(async () => {
    encode = await encoderOf(tokenizer);
  });

  it.each([
    ['Hello world', 2],
    ['<|im_end|> is no special token here', 12],
    ['', 0],
  ])('counts %j', (some, most) => {
    const tokens = countTexts([some], encode, frozen) ?? Infinity;
    expect(tokens).toBeLessThanOrEqual(most);
    expect(tokens).toBeGreaterThan(most / 2 - 1);
  });

  it('counts never less than the whole text has, and exactly so much where it has seams', () => {
    fc.assert(
      fc.property(text, (some) => {
        const counted = countTexts([some], encode, frozen) ?? Infinity;
        const pieces = [...piecesOf(some)];
        expect(pieces.join('')).toBe(some);
        if (pieces.every(({ length }) => length <= 2_000)) expect(counted).toBe(encode(some));
        else expect(counted).toBeLessThanOrEqual(bytes(some));
        // Merging long words takes too long to be tried here.
        if (pieces.every(({ length }) => length <= 4_000)) expect(counted).toBeGreaterThanOrEqual(encode(some));
      }),
      { numRuns: 100 },
    );
  });

  it('takes what has no seam for as many tokens as it has bytes', () => {
    expect(countTexts(['é'.repeat(50_000)], encode, frozen)).toBe(100_000);
    expect(countTexts(['a '.repeat(50_000)], encode, frozen)).toBeLessThan(100_000);
  });

  it('gives up when it takes too long', () => {
    let now = 0;
    const slow = () => (now += 300);
    expect(countTexts(['word '.repeat(100)], encode, slow)).toBeGreaterThan(99);
    expect(countTexts(['word '.repeat(10_000)], encode, slow)).toBeUndefined();
  });
});
