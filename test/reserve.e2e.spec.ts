import { parseUsd } from '@purser/money';
import { eventually } from '@purser/testing';
import { type Instance, System } from './system.js';

jest.setTimeout(120_000);

const LIMIT = parseUsd('0.60');
const RESERVED = parseUsd('0.20');
/** Priority of each key, and of the calls made with it. */
const KEYS = { batch: 2, pager: 9 } as const;
type Key = keyof typeof KEYS;

interface BudgetSeen {
  reserve: object;
  window: { settledUsd: string; leasedUsd: string; reservedUsd: string; unreservedUsd: string };
}

/** Asks for a model as a task's session does, and ends with the tier that served it. */
const oneCall = [
  'node',
  '-e',
  `
  (async () => {
    const answer = await fetch(process.env.OPENAI_BASE_URL + '/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer ' + process.env.OPENAI_API_KEY },
      body: JSON.stringify({ model: 'code_generation', max_tokens: 150, messages: [{ role: 'user', content: 'for a task' }] }),
    });
    await answer.text();
    const result = { tier: answer.headers.get('x-purser-tier') };
    require('node:fs').writeFileSync(process.env.PURSER_STATE_DIR + '/result.json', JSON.stringify(result));
  })();
  `,
];

/** Two keys, a small budget of which a third is for the more important one, and three gateways. */
describe('a reserve', () => {
  let system: System;
  let gateways: Instance[];
  const secrets = new Map<Key, string>();

  beforeAll(async () => {
    const budget = { id: 'all', period: 'total', limitUsd: '0.60', reserve: { amountUsd: '0.20', minPriority: 8 } };
    system = await System.start({ budgets: { budgets: [budget] } });
    gateways = [
      system.instance('model-gateway'),
      await system.launch('model-gateway', 'second'),
      await system.launch('model-gateway', 'third'),
    ];
    await system.models.script({ outputTokens: 150, latencyMs: 20 });
    for (const [id, priority] of Object.entries(KEYS)) {
      const { body } = await system.api<{ secret: string }>('POST', '/v1/keys', { id, name: id, priority });
      secrets.set(id as Key, body.secret);
    }
  });

  afterAll(() => system?.stop());

  async function call(key: Key, gateway: Instance): Promise<{ tier: string | null; reason: string | null }> {
    const response = await fetch(`http://127.0.0.1:${gateway.port}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secrets.get(key)}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'code_generation',
        max_tokens: 150,
        messages: [{ role: 'user', content: `for ${key}` }],
      }),
      signal: AbortSignal.timeout(20_000),
    });
    await response.text();
    return { tier: response.headers.get('x-purser-tier'), reason: response.headers.get('x-purser-fallback-reason') };
  }

  const turn = (n: number): Instance => gateways[n % gateways.length] as Instance;
  const everywhere = (key: Key) =>
    Promise.all(gateways.map(async (gateway) => (await call(key, gateway)).tier ?? 'none'));
  const all = (tier: string) => gateways.map(() => tier);

  const budget = async (): Promise<BudgetSeen> => {
    const { body } = await system.api<{ budgets: [BudgetSeen] }>('GET', '/v1/budgets');
    return body.budgets[0];
  };
  const settled = async () => parseUsd((await budget()).window.settledUsd);

  /** By the model server's own count. */
  async function billed(key?: Key): Promise<bigint> {
    let sum = 0n;
    for (const { billedNano, request } of (await system.models.read()).calls)
      if (key === undefined || JSON.stringify(request.messages).includes(`"for ${key}"`)) sum += billedNano;
    return sum;
  }

  it('is shown, with what is left for others', async () => {
    expect(await budget()).toMatchObject({
      reserve: { amountUsd: '0.20', minPriority: 8 },
      window: { reservedUsd: '0.20', unreservedUsd: '0.40' },
    });
  });

  it('is left alone by lesser calls, however many are made at once, while important ones go on', async () => {
    const calls = Array.from({ length: 120 }, (_, n) => call(n % 4 === 0 ? 'pager' : 'batch', turn(n >> 2)));
    const outcomes = await Promise.all(calls);
    expect(outcomes.map(({ tier }) => tier).filter((tier) => tier === 'tier_3_free').length).toBeGreaterThan(10);
    expect(await billed('batch')).toBeLessThanOrEqual(LIMIT - RESERVED);
    expect(await billed('batch')).toBeGreaterThan(0n);
    // Important ones go on past what the others may use, on every gateway.
    for (let n = 0; (await settled()) <= LIMIT - RESERVED; n++)
      expect([n, (await call('pager', turn(n))).tier]).toEqual([n, 'tier_1_paid']);
    await eventually(async () => expect(await everywhere('batch')).toEqual(all('tier_3_free')), { timeoutMs: 5_000 });
    const before = await billed('batch');
    for (let n = 0; n < 5; n++) {
      expect(await everywhere('batch')).toEqual(all('tier_3_free'));
      expect(await everywhere('pager')).toEqual(all('tier_1_paid'));
    }
    expect(await billed('batch')).toBe(before);
  });

  it('is the reason that a lesser call is told', async () => {
    const { reason } = await call('batch', turn(0));
    expect(reason).toMatch(/budget_exhausted .*all for calls of a priority below 8 \(\$0\.20 of it is reserved/);
  });

  it('is for the sessions of important tasks', async () => {
    const task = { executor: 'command', input: { argv: oneCall } };
    await system.api('POST', '/v1/tasks', { ...task, id: 'important', priority: 8 });
    await system.api('POST', '/v1/tasks', { ...task, id: 'plain' });
    expect((await system.taskIn('important', 'completed')).result).toMatchObject({ tier: 'tier_1_paid' });
    expect((await system.taskIn('plain', 'completed')).result).toMatchObject({ tier: 'tier_3_free' });
  });

  it('ends where the budget does', async () => {
    for (let n = 0; n < 60; n++) if ((await call('pager', turn(n))).tier === 'tier_3_free') break;
    await eventually(async () => expect(await everywhere('pager')).toEqual(all('tier_3_free')), { timeoutMs: 15_000 });
    const total = await billed();
    expect(total).toBeLessThanOrEqual(LIMIT);
    expect(total).toBeGreaterThan(LIMIT - RESERVED);
    await eventually(async () => expect(await settled()).toBe(await billed()));
  });
});
