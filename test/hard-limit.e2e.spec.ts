import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually, type ModelServerCounts } from '@purser/testing';
import { SeverableLink } from './severable-link.js';
import { type Instance, System } from './system.js';

jest.setTimeout(120_000);

/** Dollars of each budget: small against the load, so that every one of them is fought for. */
const LIMITS = { all: '0.60', 'project-a': '0.25', 'key-a1': '0.12', 'key-b1': '0.20' } as const;
type BudgetId = keyof typeof LIMITS;
const SCOPES: Record<BudgetId, object> = {
  all: {},
  'project-a': { project: 'a' },
  'key-a1': { key: 'a1' },
  'key-b1': { key: 'b1' },
};
const CLIENTS = [
  { key: 'a1', budgets: ['all', 'project-a', 'key-a1'] },
  { key: 'a2', budgets: ['all', 'project-a'] },
  { key: 'b1', budgets: ['all', 'key-b1'] },
] as const satisfies readonly { key: string; budgets: readonly BudgetId[] }[];

const CALLS = 200;
const OUTPUT_TOKENS = 150;

const nano = (usd: string): bigint => {
  const [whole = '0', fraction = ''] = usd.split('.');
  return BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'));
};

const budgetsOfFile = (limits: Record<BudgetId, string>) =>
  Object.entries(limits).map(([id, limitUsd]) => ({ id, scope: SCOPES[id as BudgetId], period: 'total', limitUsd }));

interface BudgetSeen {
  id: BudgetId;
  limitUsd: string;
  window: { settledUsd: string; leasedUsd: string };
}

/** The central claim: whatever dies and whoever leaves, no budget is billed past its limit, and the ledger knows of every cent. */
describe('hard limits', () => {
  let system: System;
  let second: Instance;
  const secrets = new Map<string, string>();

  beforeAll(async () => {
    system = await System.start({
      budgets: {
        budgets: budgetsOfFile(LIMITS),
      },
    });
    second = await system.launch('model-gateway', 'second');
    for (const { key } of CLIENTS) {
      const project = key.slice(0, 1);
      const { status, body } = await system.api<{ secret: string }>('POST', '/v1/keys', {
        id: key,
        name: key,
        project,
      });
      expect(status).toBe(201);
      secrets.set(key, body.secret);
    }
  });

  afterAll(() => system?.stop());
  afterEach(() => system.models.clearScript());

  const budgets = async (): Promise<BudgetSeen[]> => {
    const { status, body } = await system.api<{ budgets: BudgetSeen[] }>('GET', '/v1/budgets');
    if (status !== 200) throw new Error(`budgets: ${status} ${JSON.stringify(body)}`);
    return body.budgets;
  };

  /** What the model server billed, by its own count, for every budget that the call's text says it belongs to. */
  const bills = async (): Promise<Record<BudgetId, bigint>> => {
    const sums = Object.fromEntries(Object.keys(LIMITS).map((id) => [id, 0n])) as Record<BudgetId, bigint>;
    for (const call of (await system.models.read()).calls)
      for (const id of budgetsOf(call)) sums[id] += call.billedNano;
    return sums;
  };

  const budgetsOf = (call: ModelServerCounts['calls'][number]): readonly BudgetId[] => {
    const text = JSON.stringify(call.request.messages);
    return CLIENTS.find(({ key }) => text.includes(`"for ${key},`))?.budgets ?? [];
  };

  /** One client's call; what comes of it does not matter here. Every fifth stream is cut. */
  async function call(gateway: Instance, key: string, n: number): Promise<string> {
    const streaming = n % 2 === 0;
    const cut = new AbortController();
    const patience = AbortSignal.any([cut.signal, AbortSignal.timeout(20_000)]);
    try {
      const response = await fetch(`http://127.0.0.1:${gateway.port}/v1/chat/completions`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${secrets.get(key) ?? (await system.adminKey)}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify({
          model: 'code_generation',
          messages: [{ role: 'user', content: `for ${key}, call ${n}` }],
          stream: streaming,
          ...(n % 3 === 0 ? {} : { max_tokens: OUTPUT_TOKENS }),
        }),
        signal: patience,
      });
      const tier = response.headers.get('x-purser-tier') ?? `${response.status}`;
      if (streaming && n % 5 === 0 && response.body) {
        await response.body.getReader().read();
        cut.abort();
      }
      const text = await response.text().catch(() => '');
      return response.ok
        ? tier
        : `${tier} ${(JSON.parse(text) as { error: { message: string } }).error.message.slice(0, 300)}`;
    } catch {
      return 'broken';
    }
  }

  async function load(first: number, calls = CALLS): Promise<Record<string, number>> {
    const gateways = [system.instance('model-gateway'), second];
    const outcomes = await Promise.all(
      Array.from({ length: calls }, (_, index) => {
        const n = first + index;
        const { key } = CLIENTS[n % CLIENTS.length] ?? CLIENTS[0];
        return call(gateways[(n >> 1) % 2] ?? second, key, n);
      }),
    );
    const counts: Record<string, number> = {};
    for (const outcome of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1;
    return counts;
  }

  /** Watches while something goes on: no figure of any budget ever passes its limit. */
  async function watching<T>(work: Promise<T>): Promise<T> {
    const watch = { over: false, looks: 0 };
    const watched = (async () => {
      while (!watch.over) {
        for (const { id, limitUsd, window } of await budgets().catch(() => [])) {
          watch.looks += 1;
          const used = nano(window.settledUsd) + nano(window.leasedUsd);
          if (used > nano(limitUsd)) throw new Error(`${id}: ${used} of ${limitUsd}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    })();
    try {
      return await Promise.race([work, watched.then(() => work)]);
    } finally {
      watch.over = true;
      await watched;
    }
  }

  /** Once nothing is under way: bill <= ledger <= limit for every budget. Gives the bill. */
  const holds = (limits: Record<BudgetId, string> = LIMITS) =>
    eventually(
      async () => {
        expect((await system.models.read()).counters.running).toBe(0);
        const billed = await bills();
        for (const { id, window } of await budgets()) {
          expect({ id, within: billed[id] <= nano(limits[id]) }).toEqual({ id, within: true });
          const covered = nano(window.settledUsd) >= billed[id];
          expect({ id, covered, billed: billed[id], settled: window.settledUsd }).toMatchObject({ id, covered: true });
          expect({ id, within: nano(window.settledUsd) <= nano(limits[id]) }).toEqual({ id, within: true });
        }
        return billed;
      },
      { timeoutMs: 15_000, everyMs: 200 },
    );

  /** Providers at their worst: they use all that they may, and fail in every way, before and after bytes. */
  async function troublesome(): Promise<void> {
    const slow = { outputTokens: 100_000, chunkTokens: 25, chunkGapMs: 10, latencyMs: 20 };
    await system.models.script(slow, { model: 'demo-large' });
    await system.models.script({ outputTokens: 5 }, { model: 'demo-small' });
    for (const failing of [
      { ...slow, errorAfterTokens: 50 },
      { ...slow, dropAfterTokens: 75 },
      { ...slow, omitUsage: true },
      { status: 500 },
    ])
      await system.models.script(failing, { model: 'demo-large', times: 3 });
  }

  it('hold for 200 calls at once over two gateways, with streams cut and providers that break off', async () => {
    await troublesome();
    const outcomes = await watching(load(0));
    const billed = await holds();
    // Not for want of trying: the budgets were used, and drove calls to the free tier. How many got there first is chance,
    // also since a model that breaks off is left alone for a while.
    expect(outcomes.tier_1_paid).toBeGreaterThan(0);
    expect(outcomes.tier_3_free).toBeGreaterThan(15);
    expect(billed.all).toBeGreaterThan(0n);
  });

  /** The model that broke off is no longer left alone, by either gateway. */
  const recovered = () =>
    eventually(
      async () => {
        for (const gateway of [system.instance('model-gateway'), second])
          expect(await call(gateway, 'admin', 1)).toBe('tier_1_paid');
      },
      { timeoutMs: 60_000, everyMs: 500 },
    );

  it('hold when a gateway, the watchdog and NATS are killed under load', async () => {
    // Room for more, so that paid calls are under way when things die.
    const limits = { all: '2.00', 'project-a': '0.80', 'key-a1': '0.40', 'key-b1': '0.60' };
    for (const [id, limitUsd] of Object.entries(limits)) await setLimit(id as BudgetId, limitUsd);
    await recovered();
    await troublesome();
    const running = () =>
      eventually(async () => expect((await system.models.read()).counters.running).toBeGreaterThan(3), {
        timeoutMs: 5_000,
        everyMs: 5,
      });
    const work = watching(
      (async () => {
        const gateway = load(1_000, 100);
        await running();
        await second.kill();
        await second.start();
        await gateway;
        const watchdog = load(2_000, 100);
        await running().catch(() => undefined);
        await system.instance('cost-watchdog').kill();
        await system.instance('cost-watchdog').start();
        await watchdog;
        const nats = load(3_000, 100);
        await running().catch(() => undefined);
        await system.nats.kill();
        await system.nats.restart();
        await nats;
      })(),
    );
    await work;
    await holds(limits);
  });

  it('hold from the moment a limit is lowered under load', async () => {
    const limits = { all: '4.00', 'project-a': '1.60', 'key-a1': '0.80', 'key-b1': '1.20' };
    for (const [id, limitUsd] of Object.entries(limits)) await setLimit(id as BudgetId, limitUsd);
    await recovered();
    await troublesome();
    const work = load(4_000);
    await eventually(async () => expect((await system.models.read()).counters.running).toBeGreaterThan(3));
    const { body } = await setLimit('all', '2.20');
    const lowered = nano(body.window.settledUsd) + nano(body.window.leasedUsd);
    await work;
    // What was under way at that moment was admitted under the older limit.
    const bound = lowered > nano('2.20') ? lowered : nano('2.20');
    await holds({
      ...limits,
      all: `${bound / 1_000_000_000n}.${String(bound % 1_000_000_000n).padStart(9, '0')}`,
    });
  });

  /** Paid calls until this gateway has a lease of far more than a call costs. */
  const leaseOf = (gateway: Instance) =>
    eventually(
      async () => {
        expect(await call(gateway, 'admin', 1)).toBe('tier_1_paid');
        expect(nano((await budgets()).find(({ id }) => id === 'all')?.window.leasedUsd ?? '0')).toBeGreaterThan(
          nano('1'),
        );
      },
      { timeoutMs: 15_000 },
    );

  /** The gateway is never idle here, so no lease goes back for that reason. */
  async function paysNoMore(gateway: Instance): Promise<void> {
    await eventually(async () => expect(await call(gateway, 'admin', 1)).toBe('tier_3_free'), { timeoutMs: 15_000 });
    const { billedNano } = (await system.models.read()).counters;
    for (let n = 0; n < 20; n++) expect(await call(gateway, 'admin', 1)).toBe('tier_3_free');
    expect((await system.models.read()).counters.billedNano).toBe(billedNano);
  }

  it('hold when the limit in the file is lowered, although a gateway has leased more', async () => {
    await system.models.script({ outputTokens: 5 });
    await setLimit('all', '1000');
    const gateway = system.instance('model-gateway');
    await leaseOf(gateway);
    await writeFile(
      join(system.folder, 'config', 'budgets.json'),
      JSON.stringify({ budgets: budgetsOfFile({ ...LIMITS, all: '0.01' }) }),
    );
    await system.instance('cost-watchdog').stop();
    await system.instance('cost-watchdog').start();
    await paysNoMore(gateway);
  });

  it('hold when a limit is lowered while a gateway with a lease is cut off from NATS', async () => {
    await system.models.script({ outputTokens: 5 });
    await setLimit('all', '1000');
    const link = await SeverableLink.to(system.nats.port);
    try {
      const far = await system.launch('model-gateway', 'far', { PURSER_NATS_URL: link.through(system.nats.url) });
      await leaseOf(far);
      link.sever();
      expect((await setLimit('all', '0.01')).status).toBe(200);
      link.mend();
      await paysNoMore(far);
      await far.stop();
    } finally {
      await link.close();
    }
  });

  it('leave no money behind: all that was leased comes back', async () => {
    await eventually(
      async () => {
        for (const { id, window } of await budgets())
          expect({ id, leased: window.leasedUsd }).toEqual({ id, leased: '0.00' });
      },
      { timeoutMs: 15_000, everyMs: 250 },
    );
  });

  const setLimit = (id: BudgetId, limitUsd: string) =>
    system.api<BudgetSeen>('PUT', `/v1/budgets/${id}`, {
      scope: SCOPES[id],
      period: 'total',
      limitUsd,
      by: 'spec',
      reason: 'spec',
    });
});
