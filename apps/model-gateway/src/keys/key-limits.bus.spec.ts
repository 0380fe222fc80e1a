import fc from 'fast-check';
import { eventually } from '@purser/testing';
import type { Caller } from './caller.js';
import type { Admission } from './key-limits.js';
import { openKeyRing, type Instance, type KeyRing } from './key-ring.fixture.js';
import { rateLimitHeaders } from './rate-limit.js';

jest.setTimeout(60_000);
const MINUTE_MS = 60_000;

let ring: KeyRing;
let gateways: Instance[];

beforeAll(async () => {
  ring = await openKeyRing();
  gateways = await Promise.all([ring.instance(), ring.instance(), ring.instance()]);
});
afterAll(() => ring.close());

interface Limits {
  requestsPerMinute?: number;
  tokensPerMinute?: number;
}

async function limited(limits: Limits): Promise<Caller> {
  const { key } = await gateways[0]!.keys.create({ name: 'x', ...limits });
  return callerWith(key.id, limits);
}

const callerWith = (key: string, { requestsPerMinute = 0, tokensPerMinute = 0 }: Limits): Caller => ({
  key,
  project: null,
  task: null,
  session: null,
  rules: {
    capabilities: null,
    models: null,
    requestsPerMinute: requestsPerMinute || null,
    tokensPerMinute: tokensPerMinute || null,
  },
});

const admit = async ({ limits }: Instance, caller: Caller, tokens = 0): Promise<Admission> =>
  limits.admit(caller, tokens);
const tryOne = (instance: Instance, caller: Caller, tokens = 0): Promise<Admission | undefined> =>
  admit(instance, caller, tokens).catch((error: { code?: string }) => {
    if (error.code !== 'rate_limited') throw error;
    return undefined;
  });
const admitted = (tries: (Admission | undefined)[]): Admission[] => tries.filter((one) => one !== undefined);
const LIMITED = { code: 'rate_limited' };

/** As if a minute had gone by, for Postgres and for all gateways. */
async function nextMinute({ key }: Caller, instances = gateways): Promise<void> {
  await ring.database.query(`UPDATE keys SET minute_started_at = minute_started_at - interval '60 s' WHERE id = $1`, [
    key,
  ]);
  for (const { clock } of instances) clock.forward(MINUTE_MS);
}

/** What lies idle at every gateway goes back. */
async function rest(instances = gateways): Promise<void> {
  for (const { clock } of instances) clock.forward(2_000);
  await Promise.all(instances.map(({ limits }) => limits.tidy()));
}

describe('requests per minute', () => {
  it('hold over several gateways under a rush, and none is lost', async () => {
    const caller = await limited({ requestsPerMinute: 100 });
    const tries = await Promise.all(Array.from({ length: 600 }, (_, n) => tryOne(gateways[n % 3]!, caller)));
    const first = admitted(tries).length;
    expect(first).toBeLessThanOrEqual(100);
    await rest();
    const second = admitted(await Promise.all(Array.from({ length: 100 }, () => tryOne(gateways[0]!, caller)))).length;
    expect(first + second).toBe(100);
  });

  it('begin anew with the next minute', async () => {
    const caller = await limited({ requestsPerMinute: 3 });
    const [one, other] = gateways as [Instance, Instance];
    for (const instance of [one, other, one]) await admit(instance, caller);
    await expect(admit(other, caller)).rejects.toMatchObject(LIMITED);
    await nextMinute(caller);
    for (const instance of [other, one, one]) await admit(instance, caller);
    await expect(admit(one, caller)).rejects.toMatchObject(LIMITED);
  });

  it('are not carried into the next minute by a gateway that did not use its share', async () => {
    const caller = await limited({ requestsPerMinute: 80 });
    const [one, other] = gateways as [Instance, Instance];
    // It took more than the one.
    await admit(one, caller);
    await nextMinute(caller);
    const tries = await Promise.all(Array.from({ length: 200 }, (_, n) => tryOne(n % 2 ? one : other, caller)));
    expect(admitted(tries).length).toBeLessThanOrEqual(80);
  });

  it('are spent in memory: most calls ask the database nothing and wait for nothing', async () => {
    const fresh = await ring.instance();
    const caller = await limited({ requestsPerMinute: 1_000 });
    let waited = 0;
    for (let n = 0; n < 500; n++) {
      const admission = fresh.limits.admit(caller, 0);
      if (admission instanceof Promise) waited += 1;
      await admission;
    }
    expect(waited).toBeLessThanOrEqual(10);
    expect(fresh.wire.statements).toHaveLength(waited);
  });

  it('cost the database little when a client goes on against its limit', async () => {
    const fresh = await ring.instance();
    const caller = await limited({ requestsPerMinute: 1 });
    await admit(fresh, caller);
    for (let n = 0; n < 100; n++) await expect(admit(fresh, caller)).rejects.toMatchObject(LIMITED);
    expect(fresh.wire.statements).toHaveLength(2);
  });

  it('are told in OpenAI’s headers, and when to try again', async () => {
    const caller = await limited({ requestsPerMinute: 2, tokensPerMinute: 1_000 });
    const [one] = gateways as [Instance];
    const { rate } = await admit(one, caller, 400);
    expect(rateLimitHeaders(rate!)).toEqual({
      'x-ratelimit-limit-requests': '2',
      'x-ratelimit-remaining-requests': '1',
      'x-ratelimit-reset-requests': expect.stringMatching(/^(1m0s|\d+s)$/) as string,
      'x-ratelimit-limit-tokens': '1000',
      'x-ratelimit-remaining-tokens': '600',
      'x-ratelimit-reset-tokens': expect.stringMatching(/^(1m0s|\d+s)$/) as string,
    });
    await admit(one, caller, 1);
    const error = (await admit(one, caller, 1).catch((thrown: unknown) => thrown)) as {
      details: { retryAfterMs: number };
    };
    expect(error).toMatchObject({
      status: 429,
      details: { limit: 'requests', rate: { limits: { requestsPerMinute: 2 } } },
    });
    expect(error.details.retryAfterMs).toBeGreaterThan(0);
    expect(error.details.retryAfterMs).toBeLessThanOrEqual(MINUTE_MS);
  });
});

describe('tokens per minute', () => {
  it('count a call’s bound at first, and what it took in the end', async () => {
    const caller = await limited({ tokensPerMinute: 1_000 });
    const [one] = gateways as [Instance];
    const first = await admit(one, caller, 900);
    await expect(admit(one, caller, 200)).rejects.toMatchObject({ ...LIMITED, details: { limit: 'tokens' } });
    one.limits.settle(first, 100);
    one.limits.settle(first, 100);
    await admit(one, caller, 900);
    await expect(admit(one, caller, 1)).rejects.toMatchObject(LIMITED);
  });

  it('come back to all gateways when a call took less than its bound', async () => {
    const caller = await limited({ tokensPerMinute: 1_000 });
    const [one, other] = gateways as [Instance, Instance];
    const first = await admit(one, caller, 1_000);
    await expect(admit(other, caller, 500)).rejects.toMatchObject(LIMITED);
    one.limits.settle(first, 400);
    await rest();
    await admit(other, caller, 600);
    await expect(admit(one, caller, 1)).rejects.toMatchObject(LIMITED);
  });

  it('are charged beyond the bound where a provider did not heed it', async () => {
    const caller = await limited({ tokensPerMinute: 1_000 });
    const [one, other] = gateways as [Instance, Instance];
    one.limits.settle(await admit(one, caller, 100), 700);
    await rest();
    await expect(admit(other, caller, 400)).rejects.toMatchObject(LIMITED);
    await admit(other, caller, 300);
  });

  it('refuse for good what fits into no minute', async () => {
    const caller = await limited({ tokensPerMinute: 1_000 });
    await expect(admit(gateways[0]!, caller, 1_001)).rejects.toMatchObject({ code: 'payload_too_large' });
  });

  it('are not corrected in a minute that the call did not count in', async () => {
    const caller = await limited({ tokensPerMinute: 1_000 });
    const [one] = gateways as [Instance];
    const long = await admit(one, caller, 1_000);
    await nextMinute(caller);
    const next = await admit(one, caller, 1_000);
    one.limits.settle(long, 0);
    await expect(admit(one, caller, 1)).rejects.toMatchObject(LIMITED);
    one.limits.settle(next, 0);
    await admit(one, caller, 1);
  });
});

it('lets a key without limits through at once, and asks nobody', async () => {
  const fresh = await ring.instance();
  const plain: Caller = { key: 'admin', project: null, task: null, session: null };
  expect(fresh.limits.admit(plain, 1e9)).toEqual({ rate: undefined, bound: undefined });
  expect(fresh.wire.statements).toEqual([]);
});

it('refuses a key with limits when the database cannot be asked, and lets it through again when it can', async () => {
  const fresh = await ring.instance();
  const caller = await limited({ requestsPerMinute: 10 });
  fresh.wire.cutDatabase(true);
  const rush = await Promise.allSettled(Array.from({ length: 20 }, () => admit(fresh, caller)));
  expect(rush.map((one) => one.status === 'rejected' && (one.reason as { code: string }).code)).toEqual(
    Array(20).fill('unavailable'),
  );
  fresh.wire.cutDatabase(false);
  await admit(fresh, caller);
});

it('spends nothing under new limits that was taken under the old', async () => {
  const caller = await limited({ requestsPerMinute: 800 });
  const [one] = gateways as [Instance];
  await admit(one, caller);
  await one.keys.update(caller.key, { requestsPerMinute: 3 });
  const tighter = callerWith(caller.key, { requestsPerMinute: 3 });
  // The share goes back first.
  await eventually(async () => {
    await tryOne(one, tighter);
    one.clock.forward(300);
    const [row] = await ring.database.query<{ taken: number }>(
      'SELECT minute_requests::int AS taken FROM keys WHERE id = $1',
      [caller.key],
    );
    expect(row?.taken).toBe(3);
  });
  await expect(admit(one, tighter)).rejects.toMatchObject(LIMITED);
  await expect(admit(gateways[1]!, tighter)).rejects.toMatchObject(LIMITED);
});

it('lets no call of a revoked key through that needs more than is held', async () => {
  const caller = await limited({ requestsPerMinute: 10 });
  await gateways[0]!.keys.revoke(caller.key);
  await expect(admit(gateways[1]!, caller)).rejects.toMatchObject({ code: 'unauthorized' });
});

it('gives back at a graceful stop', async () => {
  const leaving = await ring.instance();
  const caller = await limited({ requestsPerMinute: 80 });
  await admit(leaving, caller);
  await leaving.limits.beforeApplicationShutdown();
  const tries = await Promise.all(Array.from({ length: 100 }, () => tryOne(gateways[0]!, caller)));
  expect(admitted(tries)).toHaveLength(79);
});

it('holds whatever happens in whichever order', async () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('call' as const),
        at: fc.nat(2),
        tokens: fc.integer({ min: 1, max: 60 }),
        burst: fc.integer({ min: 1, max: 6 }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('settle' as const), part: fc.integer({ min: 0, max: 100 }) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('rest' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('minute' as const) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      const limits = { requestsPerMinute: 20, tokensPerMinute: 200 };
      const caller = await limited(limits);
      const open: { admission: Admission; instance: Instance; tokens: number; minute: number }[] = [];
      let minute = 0;
      let requests = 0;
      /** Of calls that count in this minute: what they took, or may take. */
      let tokens = 0;
      for (const one of steps) {
        if (one.do === 'call') {
          const instance = gateways[one.at]!;
          const tries = await Promise.all(
            Array.from({ length: one.burst }, () => tryOne(instance, caller, one.tokens)),
          );
          for (const admission of admitted(tries)) open.push({ admission, instance, tokens: one.tokens, minute });
          requests += admitted(tries).length;
          tokens += admitted(tries).length * one.tokens;
        } else if (one.do === 'settle') {
          const call = open.shift();
          if (!call) continue;
          const used = Math.floor((call.tokens * one.part) / 100);
          call.instance.limits.settle(call.admission, used);
          if (call.minute === minute) tokens -= call.tokens - used;
        } else if (one.do === 'rest') await rest();
        else {
          await nextMinute(caller);
          [minute, requests, tokens] = [minute + 1, 0, 0];
        }
        expect(requests).toBeLessThanOrEqual(limits.requestsPerMinute);
        expect(tokens).toBeLessThanOrEqual(limits.tokensPerMinute);
      }
    }),
    { numRuns: 40 },
  );
});
