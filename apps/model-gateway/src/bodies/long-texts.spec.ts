import fc from 'fast-check';
import { parseBody } from './client-body.js';
import { LongTexts } from './long-texts.js';

const long = (character: string, length = 70_000) => character.repeat(length);
const wire = (value: unknown) => Buffer.from(JSON.stringify(value));
const whole = (parts: readonly Uint8Array[]): unknown => JSON.parse(Buffer.concat(parts).toString());

it('sets long strings aside, keeps how they begin, and puts them back', () => {
  const url = `data:image/png;base64,${long('A')}`;
  const value = { model: 'm', parts: [{ url }, { text: 'short' }, { url: long('B') }] };
  const json = wire(value);
  const body = parseBody(json);
  const parsed = body.value as typeof value;
  expect(parsed.parts[0]?.url?.startsWith('data:image/png;base64,AAAA')).toBe(true);
  expect(JSON.stringify(parsed).length).toBeLessThan(1_000);
  expect(body.bytes).toBe(json.length);
  expect(body.longTexts.lengthOf(parsed.parts[0]?.url ?? '')).toBe(url.length);
  expect(body.longTexts.restore(parsed)).toEqual(value);
  expect(whole(body.longTexts.serialise({ ...parsed, model: 'other' }))).toEqual({ ...value, model: 'other' });
});

it('leaves strings with escapes to the parser', () => {
  const value = { text: `${long('a')}\n"quoted"\\${long('b')}` };
  const body = parseBody(wire(value));
  expect(body.longTexts.empty).toBe(true);
  expect(body.value).toEqual(value);
});

it('gives nobody the place of a mark that they wrote themselves', () => {
  const value = { forged: 'purser:00:0:', text: long('x') };
  const body = parseBody(wire(value));
  expect(body.longTexts.restore(body.value)).toEqual(value);
});

it('refuses what is not JSON, however long', () => {
  expect(() => parseBody(Buffer.from(`{"a": "${long('x')}`))).toThrow('not JSON');
  expect(() => parseBody(Buffer.from(`{"a": "${long('x')}" "b"}`))).toThrow('not JSON');
  expect(() => parseBody('text')).toThrow('must be JSON');
});

it('never changes what a body says', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc
      .constantFrom('\\', '"', 'é', '\u0000', 'data:image/png;base64,', 'long '.repeat(40))
      .chain((end) => fc.constantFrom('A', 'é', '"', '\\').map((character) => end + long(character) + end)),
  );
  const json = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      text,
      fc.integer(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.string(), tie('value'), { maxKeys: 4 }),
    ),
  })).value;
  fc.assert(
    fc.property(json, (value) => {
      const taken = LongTexts.takeFrom(wire({ value }));
      const parsed = JSON.parse(taken.json.toString()) as object;
      expect(taken.longTexts.restore(parsed)).toEqual(JSON.parse(JSON.stringify({ value })));
      expect(whole(taken.longTexts.serialise(parsed))).toEqual(JSON.parse(JSON.stringify({ value })));
    }),
    { numRuns: 60 },
  );
});
