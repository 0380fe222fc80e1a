import { createLog } from '@purser/service';
import { countTexts, encoderOf } from './tokenizer-thread.js';
import { Tokenizers } from './tokenizers.js';

const tokenizers = new Tokenizers(createLog({ service: 'spec', instance: 'one', level: 'silent' }));
const { signal } = new AbortController();
afterAll(() => tokenizers.onModuleDestroy());

it('counts on a thread of its own, as often as it is asked', async () => {
  const texts = ['Größe, 漢字 and 🪙. '.repeat(500), 'Hello'];
  for (const tokenizer of ['o200k_base', 'cl100k_base'] as const) {
    const expected = countTexts(texts, await encoderOf(tokenizer), () => 0);
    const counts = await Promise.all([1, 2, 3].map(() => tokenizers.count(tokenizer, texts, signal)));
    expect(counts).toEqual([expected, expected, expected]);
  }
});

it('says nothing of more than a context holds, nor when too many ask', async () => {
  expect(await tokenizers.count('o200k_base', ['a'.repeat(5_000_000)], signal)).toBeUndefined();
  const asked = Array.from({ length: 40 }, () => tokenizers.count('o200k_base', ['Hello'], signal));
  const answered = (await Promise.all(asked)).filter((tokens) => tokens !== undefined);
  expect(answered.length).toBeGreaterThanOrEqual(16);
  expect(answered.length).toBeLessThan(40);
  expect(await tokenizers.count('o200k_base', ['Hello'], signal)).toBe(1);
});

it('lets go with its caller, and of everybody when it stops', async () => {
  const gone = new AbortController();
  const left = tokenizers.count('o200k_base', ['word '.repeat(500_000)], gone.signal);
  gone.abort();
  expect(await left).toBeUndefined();
  const cut = tokenizers.count('o200k_base', ['word '.repeat(500_000)], signal);
  await tokenizers.onModuleDestroy();
  expect(await cut).toBeUndefined();
  expect(await tokenizers.count('o200k_base', ['Hello'], signal)).toBe(1);
});
