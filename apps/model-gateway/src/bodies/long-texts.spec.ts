import fc from 'fast-check';
import { parseBody } from './client-body.js';
import { LongTexts } from './long-texts.js';

const long = (character: string, length = 70_000) => character.repeat(length);
const wire = (value: unknown) => Buffer.from(JSON.stringify(value));
const whole = (parts: readonly Uint8Array[]): unknown => JSON.parse(Buffer.concat(parts).toString());

it('sets long strings aside, keeps how they begin, and puts them back', async () => {
  const url = `data:image/png;base64,${long('A')}`;
  const value = { model: 'm', parts: [{ url }, { text: 'short' }, { url: long('B') }] };
  const json = wire(value);
  const body = await parseBody(json);
  const parsed = body.value as typeof value;
  expect(parsed.parts[0]?.url?.startsWith('data:image/png;base64,AAAA')).toBe(true);
  expect(JSON.stringify(parsed).length).toBeLessThan(1_000);
  expect(body.bytes).toBe(json.length);
  expect(body.longTexts.lengthOf(parsed.parts[0]?.url ?? '')).toBe(url.length);
  expect(body.longTexts.restore(parsed)).toEqual(value);
  expect(whole(body.longTexts.serialise({ ...parsed, model: 'other' }))).toEqual({ ...value, model: 'other' });
});

it('keeps characters whole that are no ASCII, at the beginning and behind it', async () => {
  const value = { late: `${'a'.repeat(200)}${long('é')}`, early: long('狐'), odd: `x${long('🦊')}` };
  const body = await parseBody(wire(value));
  expect(JSON.stringify(body.value).length).toBeLessThan(2_000);
  expect(body.longTexts.restore(body.value)).toEqual(value);
  expect(whole(body.longTexts.serialise(body.value as object))).toEqual(value);
});

it('does not look for long strings behind too many short ones', async () => {
  const value = [long('first'), Array.from({ length: 20_000 }, () => 'short'), long('last')];
  const body = await parseBody(wire(value));
  expect(body.longTexts.bytes).toBe(long('first').length - 128);
  expect(body.longTexts.restore(body.value)).toEqual(value);
});

it('leaves strings with escapes to the parser', async () => {
  const value = { text: `${long('a')}\n"quoted"\\${long('b')}` };
  const body = await parseBody(wire(value));
  expect(body.longTexts.empty).toBe(true);
  expect(body.value).toEqual(value);
});

it('gives nobody the place of a mark that they wrote themselves', async () => {
  const value = { forged: 'purser:00:0:', text: long('x') };
  const body = await parseBody(wire(value));
  expect(body.longTexts.restore(body.value)).toEqual(value);
});

it('puts names back, too', async () => {
  const value = { [long('n')]: [{ [long('é')]: 1 }] };
  const body = await parseBody(wire(value));
  expect(body.longTexts.restore(body.value)).toEqual(value);
});

it('reads a large body as it reads a small one', async () => {
  const value = {
    list: Array.from({ length: 20_000 }, (_, n) => ({ n, text: `"${n}"\n`.repeat(20) })),
    text: long('x'),
  };
  const body = await parseBody(wire(value));
  expect(body.bytes).toBe(wire(value).length);
  expect(body.longTexts.restore(body.value)).toEqual(value);
});

it.each([100, 70_000, 2_000_000])('refuses what is not JSON, however long (%s)', async (length) => {
  const read = async (json: unknown) => await parseBody(json);
  await expect(read(Buffer.from(`{"a": "${long('x', length)}`))).rejects.toThrow('not JSON');
  await expect(read(Buffer.from(`{"a": "${long('x', length)}" "b"}`))).rejects.toThrow('not JSON');
  await expect(read(Buffer.from(`{"a": "${long('x', length)}\\/\\"`))).rejects.toThrow('not JSON');
  await expect(read('text')).rejects.toThrow('must be JSON');
});

it('never changes what a body says', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc
      .constantFrom('\\', '"', 'é', '\u0000', 'data:image/png;base64,', 'long '.repeat(40))
      .chain((end) =>
        fc.constantFrom('A', 'é', '"', '\\', '/').map((character) => end + long(character) + long('é') + end),
      ),
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
