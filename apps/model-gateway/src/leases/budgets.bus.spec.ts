import fs, { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Spend } from '@purser/contracts';
import { formatUsd, parseUsd } from '@purser/money';
import { eventually } from '@purser/testing';
import { hello, openWorld, PAID, type World } from '../gateway.fixture.js';
import { start } from '../index.js';
import type { HeldCall } from '../journal/records.js';

jest.setTimeout(60_000);
let world: World;
afterEach(() => world.close());

/** 100 tokens of output at $10 per million, and the input; held a little higher than it costs. */
const small = { ...hello('code_generation'), max_tokens: 100 };
const ask = (body: object = small, headers?: Record<string, string>) => world.post(body, headers);
const tierOf = (response: Response) => response.headers.get('x-purser-tier');
const codeOf = async (response: Response) => ((await response.json()) as { error: { code: string } }).error.code;
const billed = () => world.models.counters.billedNano;
const nothingLeased = (budget: string) => eventually(() => expect(world.watchdog.leased(budget)).toBe(0n));

it('never lets the bill pass a limit: 50 calls at once on a budget for 10', async () => {
  world = await openWorld();
  world.models.script({ outputTokens: 100, latencyMs: 30 }, { model: PAID });
  const limit = parseUsd('0.0150');
  world.watchdog.setBudget({ id: 'total', period: 'total', limitUsd: formatUsd(limit) });
  await world.watchdog.beat();
  const tiers = (await Promise.all(Array.from({ length: 50 }, () => ask()))).map(tierOf);
  expect(billed()).toBeLessThanOrEqual(limit);
  expect(tiers.filter((tier) => tier === 'tier_1_paid').length).toBeGreaterThanOrEqual(10);
  expect(tiers.filter((tier) => tier === 'tier_3_free').length).toBeGreaterThan(0);
  await eventually(() => expect(world.watchdog.settled('total')).toBe(billed()));
  // Nobody asks again for what was refused for good.
  const asked = world.watchdog.asked.length;
  await ask();
  expect(world.watchdog.asked.length - asked).toBeLessThanOrEqual(1);
  // What is left is not enough, and says so when there is no free tier.
  const alone = await ask({ ...hello('paid_only'), max_tokens: 100 });
  expect([alone.status, await codeOf(alone)]).toEqual([402, 'budget_exceeded']);
  await world.restart();
  await nothingLeased('total');
});

it('counts a call against every budget that matches it, and no other', async () => {
  world = await openWorld();
  const { watchdog } = world;
  watchdog.setBudget({ id: 'all', period: 'total', limitUsd: '1' });
  watchdog.setBudget({ id: 'web', period: 'total', limitUsd: '1', scope: { project: 'web' } });
  watchdog.setBudget({ id: 'task', period: 'total', limitUsd: '0.0001', scope: { task: 't-1' } });
  watchdog.setBudget({ id: 'elsewhere', period: 'total', limitUsd: '0', scope: { provider: 'anthropic' } });
  await watchdog.beat();
  const web = { authorization: `Bearer ${await world.createKey({ project: 'web' })}` };
  const task = { authorization: `Bearer ${await world.createKey({ project: 'web', task: 't-1' })}` };
  expect(tierOf(await ask(small, web))).toBe('tier_1_paid');
  await eventually(() => expect(watchdog.spends.at(-1)?.windows.sort()).toEqual(['w-all', 'w-web']));
  expect(tierOf(await ask(small, task))).toBe('tier_3_free');
  watchdog.setBudget({ id: 'task', period: 'total', limitUsd: '1', scope: { task: 't-1' } });
  await watchdog.beat();
  await eventually(async () => expect(tierOf(await ask(small, task))).toBe('tier_1_paid'));
  await eventually(() => expect(watchdog.spends.at(-1)?.windows.sort()).toEqual(['w-all', 'w-task', 'w-web']));
});

it('counts a call of a part of a task against the budgets of all tasks above it', async () => {
  world = await openWorld();
  const { watchdog } = world;
  watchdog.setBudget({ id: 'part', period: 'total', limitUsd: '1', scope: { task: 'part' } });
  watchdog.setBudget({ id: 'root', period: 'total', limitUsd: '1', scope: { task: 'root' } });
  watchdog.setBudget({ id: 'stranger', period: 'total', limitUsd: '0', scope: { task: 'stranger' } });
  await watchdog.beat();
  const key = await world.createKey({ task: 'part', session: 's-1', ancestors: ['middle', 'root'] });
  const part = { authorization: `Bearer ${key}` };
  expect(tierOf(await ask(small, part))).toBe('tier_1_paid');
  await eventually(() => expect(watchdog.spends.at(-1)?.windows.sort()).toEqual(['w-part', 'w-root']));
  expect(watchdog.spends.at(-1)).toMatchObject({ task: 'part', ancestors: ['middle', 'root'] });
  // Its own would do; that of the one above is used up.
  watchdog.setBudget({ id: 'root', period: 'total', limitUsd: '0.0001', scope: { task: 'root' } });
  await watchdog.beat();
  await eventually(async () => expect(tierOf(await ask(small, part))).toBe('tier_3_free'));
});

it('sets a smaller output limit when that is what is affordable, and passes below the floor', async () => {
  world = await openWorld();
  world.watchdog.setBudget({ id: 'total', period: 'total', limitUsd: '0.0150' });
  await world.watchdog.beat();
  world.models.script({ outputTokens: 1_000 }, { model: PAID, times: 1 });
  expect((await ask(hello('code_generation'))).headers.get('x-purser-max-tokens-set')).toBe('1024');
  // About 1,000 tokens are usual now, so four times that is asked for, of which half a cent is left: below the floor.
  const second = await ask(hello('code_generation'));
  expect(tierOf(second)).toBe('tier_3_free');
  world.watchdog.setBudget({ id: 'total', period: 'total', limitUsd: '0.0300' });
  await world.watchdog.beat();
  await eventually(async () => {
    const third = await ask(hello('code_generation'));
    expect(tierOf(third)).toBe('tier_1_paid');
    const set = Number(third.headers.get('x-purser-max-tokens-set'));
    expect(set).toBeGreaterThanOrEqual(1_024);
    expect(set).toBeLessThan(2_000);
  });
});

it('does not go on for free where a budget blocks', async () => {
  world = await openWorld();
  world.watchdog.setBudget({ id: 'hard', period: 'total', limitUsd: '0.0001', onExhausted: 'block' });
  await world.watchdog.beat();
  const response = await ask();
  expect([response.status, await codeOf(response)]).toEqual([402, 'budget_exceeded']);
});

it('says 429 when the money is merely held, and waits for it as long as it may', async () => {
  world = await openWorld({ env: { PURSER_HOLD_WAIT_MS: '1000' } });
  world.watchdog.setBudget({ id: 'total', period: 'total', limitUsd: '0.0045' });
  await world.watchdog.beat();
  const body = { ...hello('paid_only'), max_tokens: 100 };
  world.models.script({ outputTokens: 10, latencyMs: 3_000 }, { times: 1 });
  const slow = ask(body);
  await eventually(() => expect(world.models.counters.running).toBe(1));
  const held = await ask(body);
  expect([held.status, await codeOf(held), held.headers.get('retry-after')]).toEqual([429, 'budget_held', '1']);
  expect((await slow).status).toBe(200);
  world.models.script({ outputTokens: 10, latencyMs: 300 }, { times: 1 });
  const [first, second] = await Promise.all([ask(body), ask(body)]);
  expect([first.status, second.status]).toEqual([200, 200]);
});

it('refuses what has no price of its own on a paid tier under a budget, and passes it elsewhere', async () => {
  world = await openWorld();
  const body = { ...hello('paid_only'), service_tier: 'priority' };
  expect((await ask(body)).status).toBe(200);
  world.watchdog.setBudget({ id: 'total', period: 'total', limitUsd: '1' });
  await world.watchdog.beat();
  const refused = await eventually(async () => {
    const response = await ask(body);
    expect(response.status).toBe(400);
    return response;
  });
  expect(await refused.json()).toMatchObject({ error: { code: 'unsupported_parameter', param: 'service_tier' } });
  expect(tierOf(await ask({ ...small, service_tier: 'priority' }))).toBe('tier_3_free');
});

describe('the latch', () => {
  it('cancels what is under way, refuses what comes, and lets it pass again after the reset', async () => {
    world = await openWorld();
    world.models.script({ outputTokens: 500, chunkGapMs: 50 }, { model: PAID, times: 1 });
    const stream = await world.client().chat.completions.create({ ...hello(PAID), stream: true });
    const broken = (async () => {
      for await (const _ of stream);
    })().catch((error: unknown) => error);
    await eventually(() => expect(world.models.counters.running).toBe(1));
    await world.watchdog.setLatch(true);
    expect(await broken).toMatchObject({ code: 'emergency' });
    await eventually(() => expect(world.models.calls.at(-1)?.state).toBe('cancelled'));
    await eventually(() => expect(world.watchdog.spends.at(-1)).toMatchObject({ outcome: 'cancelled' }));
    const calls = world.models.counters.calls;
    const refused = await ask();
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({
      error: { code: 'emergency', message: expect.stringContaining('ada') as unknown },
    });
    expect(world.models.counters.calls).toBe(calls);
    await world.watchdog.setLatch(false);
    await eventually(async () => expect((await ask()).status).toBe(200));
  });

  it('unknown for 10 s stops paid tiers alone', async () => {
    world = await openWorld();
    expect(tierOf(await ask())).toBe('tier_1_paid');
    world.watchdog.away = true;
    await eventually(
      async () => {
        expect(tierOf(await ask())).toBe('tier_3_free');
      },
      { timeoutMs: 15_000, everyMs: 200 },
    );
    const alone = await ask(hello('paid_only'));
    expect([alone.status, await codeOf(alone)]).toEqual([503, 'no_tier']);
  });
});

describe('a gateway that starts again', () => {
  const line = (record: object) => `${JSON.stringify(record)}\n`;
  const held: HeldCall = {
    attemptId: 'attempt-lost',
    callId: 'call-lost',
    gateway: '',
    provider: 'openai',
    model: PAID,
    tier: 'tier_1_paid',
    capability: null,
    key: 'admin',
    project: null,
    task: null,
    session: null,
    holdUsd: '0.002',
    windows: ['w-total'],
    priceRow: 'models.json:code_generation.tier_1_paid',
    usageAt: '2026-11-23T10:00:00.000Z',
  };

  it('settles what it knows, presumes what was in flight, and returns the rest of its leases', async () => {
    world = await openWorld();
    world.watchdog.setBudget({ id: 'total', period: 'total', limitUsd: '1' });
    await world.watchdog.beat();
    await eventually(async () => {
      await ask();
      expect(world.watchdog.settled('total')).toBeGreaterThan(0n);
    });
    const [{ gateway = '' } = {}] = world.watchdog.spends;
    let before = 0;
    let settled = 0n;
    await world.restart(async () => {
      await nothingLeased('total');
      before = world.watchdog.spends.length;
      settled = world.watchdog.settled('total');
      // As a kill -9 leaves it: one call in flight, one settlement not sent, a line that was being written.
      const lease = world.watchdog.windows.get('w-total')?.leases.get(gateway);
      if (!lease) throw new Error('the gateway never had a lease');
      lease.granted += parseUsd('0.010');
      const unsent: Spend = {
        ...held,
        gateway,
        attemptId: 'attempt-unsent',
        amountUsd: '0.0005',
        inputTokens: 1,
        outputTokens: 1,
        cachedTokens: 0,
        finality: 'final',
        outcome: 'ok',
        latencyMs: 1,
      };
      appendFileSync(
        join(world.home, 'gateway', '0', 'journal.log'),
        line({ t: 'hold', call: { ...held, gateway } }) +
          line({ t: 'settle', spend: unsent }) +
          '{"t":"hold","call":{"att',
      );
    });
    await nothingLeased('total');
    expect(world.watchdog.settled('total')).toBe(settled + parseUsd('0.0025'));
    const late = world.watchdog.spends.slice(before);
    expect(late.map((spend) => spend.gateway)).toEqual([gateway, gateway]);
    expect(late.find(({ attemptId }) => attemptId === 'attempt-lost')).toMatchObject({
      amountUsd: '0.002',
      finality: 'presumed',
      outcome: 'unknown',
    });
    // And it goes on under the same name.
    expect(tierOf(await ask())).toBe('tier_1_paid');
    await eventually(() => expect(world.watchdog.spends.at(-1)?.gateway).toBe(gateway));
  });

  it('under another name when the machine went down, and never returns the money of calls it may have forgotten', async () => {
    world = await openWorld();
    world.watchdog.setBudget({ id: 'total', period: 'total', limitUsd: '1' });
    await world.watchdog.beat();
    await eventually(async () => {
      await ask();
      expect(world.watchdog.settled('total')).toBeGreaterThan(0n);
    });
    const [{ gateway = '' } = {}] = world.watchdog.spends;
    const journal = join(world.home, 'gateway', '0', 'journal.log');
    await world.restart(async () => {
      await nothingLeased('total');
      const lease = world.watchdog.windows.get('w-total')?.leases.get(gateway);
      if (!lease) throw new Error('the gateway never had a lease');
      // Of these, the journal forgot all but one call, as a power cut leaves it.
      lease.granted += parseUsd('0.010');
      const lines = readFileSync(journal, 'utf8')
        .split('\n')
        .filter((text) => text !== '' && !text.includes('"t":"closed"'))
        .map((text) => JSON.parse(text) as { t: string })
        .map((record) => (record.t === 'gateway' ? { ...record, boot: 'the one before' } : record));
      writeFileSync(journal, [...lines, { t: 'hold', call: { ...held, gateway } }].map(line).join(''));
    });
    await eventually(() =>
      expect(world.watchdog.spends.find(({ attemptId }) => attemptId === 'attempt-lost')).toMatchObject({
        gateway,
        finality: 'presumed',
      }),
    );
    await eventually(async () => {
      expect(tierOf(await ask())).toBe('tier_1_paid');
      expect(world.watchdog.spends.at(-1)?.gateway).toMatch(/^gateway-/);
      expect(world.watchdog.spends.at(-1)?.gateway).not.toBe(gateway);
    });
    await world.restart();
    // All came back but what nobody can vouch for.
    await eventually(() => expect(world.watchdog.leased('total')).toBe(parseUsd('0.008')));
  });

  it('finishes what is under way before it stops', async () => {
    world = await openWorld();
    world.models.script({ outputTokens: 5, latencyMs: 700 }, { times: 1 });
    const slow = ask();
    await eventually(() => expect(world.models.counters.running).toBe(1));
    const restarted = world.restart();
    expect((await slow).status).toBe(200);
    await restarted;
    await eventually(() => expect(world.watchdog.spends.at(-1)).toMatchObject({ outcome: 'ok' }));
  });

  it('cuts off what does not end within the grace period', async () => {
    world = await openWorld({ env: { PURSER_GRACE_MS: '300' } });
    world.models.script({ hang: 'before' }, { times: 1 });
    const hanging = ask().catch((error: unknown) => error);
    await eventually(() => expect(world.models.counters.running).toBe(1));
    await world.restart();
    await eventually(() =>
      expect(world.watchdog.spends.at(-1)).toMatchObject({ outcome: 'cancelled', finality: 'presumed' }),
    );
    const answer = await hanging;
    if (answer instanceof Response) expect(answer.status).toBe(503);
  });
});

it('makes no paid call whose hold cannot be written down', async () => {
  world = await openWorld();
  world.watchdog.setBudget({ id: 'total', period: 'total', limitUsd: '1' });
  await world.watchdog.beat();
  await eventually(async () => {
    await ask();
    expect(world.watchdog.settled('total')).toBeGreaterThan(0n);
  });
  const calls = world.models.countersOf(PAID).calls;
  const write = jest.spyOn(fs, 'writeSync').mockImplementation(() => {
    throw new Error('ENOSPC: no space left on device, write');
  });
  try {
    const response = await ask();
    expect(tierOf(response)).toBe('tier_3_free');
    expect(response.headers.get('x-purser-fallback-reason')).toMatch(/journal_unwritable .*ENOSPC.*disk full/);
    const alone = await ask(hello('paid_only'));
    expect(alone.status).toBe(503);
    expect(await alone.json()).toMatchObject({
      error: { code: 'no_tier', message: expect.stringContaining('is its disk full?') as unknown },
    });
    expect(world.models.countersOf(PAID).calls).toBe(calls);
  } finally {
    write.mockRestore();
  }
  expect(tierOf(await ask())).toBe('tier_1_paid');
  await world.restart();
  await nothingLeased('total');
});

it('keeps settlements while the bus is away', async () => {
  world = await openWorld();
  expect(tierOf(await ask())).toBe('tier_1_paid');
  await world.nats.kill();
  const response = await ask();
  expect(response.status).toBe(200);
  await world.nats.restart();
  await eventually(
    () => {
      const callIds = world.watchdog.spends.map(({ callId }) => callId);
      expect(callIds.filter((id) => id === response.headers.get('x-request-id'))).toHaveLength(1);
    },
    { timeoutMs: 40_000 },
  );
});

it('lets two gateways share one home and one budget', async () => {
  world = await openWorld();
  world.models.script({ outputTokens: 100, latencyMs: 20 }, { model: PAID });
  const limit = parseUsd('0.0100');
  world.watchdog.setBudget({ id: 'total', period: 'total', limitUsd: formatUsd(limit) });
  await world.watchdog.beat();
  const other = await start(world.env);
  try {
    await eventually(() => world.watchdog.mustHaveRead());
    const there = () =>
      fetch(`${other.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${world.adminKey}` },
        body: JSON.stringify(small),
      });
    await eventually(async () => {
      await world.watchdog.beat();
      expect(tierOf(await there())).toBe('tier_1_paid');
    });
    await Promise.all(Array.from({ length: 15 }, () => [ask(), there()]).flat());
    await eventually(() => expect(world.watchdog.settled('total')).toBe(billed()));
    expect(billed()).toBeLessThanOrEqual(limit);
    expect(billed()).toBeGreaterThan(limit / 2n);
    const paying = world.watchdog.spends.filter(({ windows }) => windows.length > 0);
    expect(new Set(paying.map(({ gateway }) => gateway)).size).toBe(2);
  } finally {
    await other.close();
  }
});
