import { formatUsd, parseUsd } from '@purser/money';
import { eventually } from '@purser/testing';
import fc from 'fast-check';
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { FREE, openWorld, PAID, type World } from '../gateway.fixture.js';
import { TestSpends } from '../test-spends.fixture.js';

jest.setTimeout(120_000);

const price = { inputPerMillionUsd: '1', cachedPerMillionUsd: '0.1', outputPerMillionUsd: '10' };
const paid = { provider: 'openai', model: PAID, price, maxOutputTokens: 4_096 };
const free = { provider: 'ollama', model: FREE };
const LIMIT = 100;
const OUTPUT_NANO = BigInt(LIMIT) * 10_000n;

let world: World;
const spends = new TestSpends(() => world);
beforeAll(async () => {
  world = await openWorld({
    openai: { protocols: ['chat-completions', 'responses'] },
    ladders: {
      counted: { tier_1_paid: { ...paid, tokenizer: 'o200k_base' }, tier_2_free: free },
      uncounted: { tier_1_paid: paid, tier_2_free: free },
    },
  });
});
afterAll(() => world.close());
beforeEach(() => spends.begin());

/** As OpenAI's cookbook counts it: 3 for each message and 3 for the answer's beginning. */
const tokensOf = (text: string): number =>
  countTokens(text, { disallowedSpecial: new Set() }) + countTokens('user') + 6;

/** The upstream bills what its tokenizer counts; so much is left of the budget before the call. */
async function prepare(text: string, leftNano: bigint): Promise<void> {
  world.models.script({ inputTokens: tokensOf(text), outputTokens: LIMIT }, { model: PAID });
  const limit = world.watchdog.settled('total') + leftNano;
  world.watchdog.setBudget({ id: 'total', period: 'total', limitUsd: formatUsd(limit) });
  await world.watchdog.beat();
}

const chat = (model: string, content: unknown) =>
  world.post({ model, max_tokens: LIMIT, messages: [{ role: 'user', content }] });
const tierOf = (response: Response) => response.headers.get('x-purser-tier');
const paidSpend = () =>
  eventually(() => {
    const paid = spends.all().filter(({ model }) => model === PAID);
    expect(paid.length).toBeGreaterThan(0);
    return paid.at(-1)!;
  });

const essay = 'The quick brown fox jumps over the lazy dog, and nobody minds it in the least. '.repeat(500);

it('serves with the paid tier what fits a budget by its tokens, though not by its bytes', async () => {
  world.watchdog.setBudget({ id: 'total', period: 'total', limitUsd: '1' });
  const tokens = BigInt(tokensOf(essay));
  expect(tokens * 4n).toBeLessThan(BigInt(essay.length));
  const left = (tokens + 500n) * 1_000n + OUTPUT_NANO;
  await prepare(essay, left);
  await eventually(async () => {
    const response = await chat('uncounted', essay);
    expect(tierOf(response)).toBe('tier_2_free');
    expect(response.headers.get('x-purser-fallback-reason')).toContain('budget_exhausted');
  });
  // The tokenizer may have to be loaded for longer than the first call waits.
  await eventually(async () => expect(tierOf(await chat('counted', essay))).toBe('tier_1_paid'));
  const { holdUsd, amountUsd, inputTokens } = await paidSpend();
  expect(inputTokens).toBe(Number(tokens));
  expect(parseUsd(amountUsd)).toBe(tokens * 1_000n + OUTPUT_NANO);
  expect(parseUsd(amountUsd)).toBeLessThanOrEqual(parseUsd(holdUsd));
  expect(parseUsd(holdUsd)).toBeLessThanOrEqual(left);
});

it('counts responses, and texts in parts', async () => {
  const [first, second] = [essay.slice(0, 9_000), essay.slice(9_000)];
  const ways = [
    () => respond({ instructions: first, input: second }),
    () =>
      chat(
        'counted',
        [first, second].map((text) => ({ type: 'text', text })),
      ),
  ];
  const respond = (body: object) =>
    fetch(`${world.gateway.url}/v1/responses`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${world.adminKey}` },
      body: JSON.stringify({ model: 'counted', max_output_tokens: LIMIT, ...body }),
    });
  for (const ask of ways) {
    spends.begin();
    await prepare(essay, BigInt(tokensOf(essay) + 700) * 1_000n + OUTPUT_NANO);
    await eventually(async () => expect(tierOf(await ask())).toBe('tier_1_paid'));
    await paidSpend();
  }
});

it('passes the tier over when even the tokens do not fit', async () => {
  await prepare(essay, BigInt(tokensOf(essay) - 1_000) * 1_000n + OUTPUT_NANO);
  await eventually(async () => expect(tierOf(await chat('counted', essay))).toBe('tier_2_free'));
});

it('never lets the bill of a counted call pass its hold, whatever it says', async () => {
  const word = fc.constantFrom(
    'plain',
    'Größe',
    '漢字かな',
    'привет',
    '🪙🎉',
    "don't",
    '12,345.67',
    '<|im_end|>',
    '\\"',
  );
  const text = fc
    .tuple(
      fc.array(fc.oneof(word, fc.string({ unit: 'binary', maxLength: 8 })), { minLength: 4, maxLength: 40 }),
      fc.boolean(),
    )
    .map(([words, spaced]) => words.join(spaced ? ' ' : ''))
    .map((piece) => Buffer.from(piece.repeat(Math.ceil(6_000 / Math.max(1, piece.length)))).toString())
    // Else it fits by its bytes, or hardly needs fewer tokens than it has bytes.
    .filter((whole) => Buffer.byteLength(whole) > tokensOf(whole) + 1_500);
  let counted = 0;
  await fc.assert(
    fc.asyncProperty(text, async (whole) => {
      spends.begin();
      const left = BigInt(tokensOf(whole) + 1_200) * 1_000n + OUTPUT_NANO;
      await prepare(whole, left);
      const tier = tierOf(await chat('counted', whole));
      if (tier !== 'tier_1_paid') return;
      counted += 1;
      const { holdUsd, amountUsd } = await paidSpend();
      expect(parseUsd(amountUsd)).toBe(BigInt(tokensOf(whole)) * 1_000n + OUTPUT_NANO);
      expect(parseUsd(amountUsd)).toBeLessThanOrEqual(parseUsd(holdUsd));
      expect(parseUsd(holdUsd)).toBeLessThanOrEqual(left);
    }),
    { numRuns: 25 },
  );
  expect(counted).toBeGreaterThan(10);
});
