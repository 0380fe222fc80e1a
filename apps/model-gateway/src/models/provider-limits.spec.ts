import { Admittance, type Place } from './provider-limits.js';

let now = 0;
beforeEach(() => (now = 0));
const { signal } = new AbortController();
const limited = (limits: { concurrency?: number; requestsPerMinute?: number; tokensPerMinute?: number }, waitMs = 0) =>
  new Admittance({ ...limits, waitMs }, () => now);
async function enter(admittance: Admittance, tokens = 1): Promise<Place> {
  const entrance = await admittance.enter(tokens, signal);
  if (!entrance.entered) throw new Error(entrance.reason);
  return entrance.place;
}

it('lets so many in at once, and again when one leaves', async () => {
  const admittance = limited({ concurrency: 2 });
  const first = await enter(admittance);
  await enter(admittance);
  await expect(enter(admittance)).rejects.toThrow('2 calls are under way');
  first.leave(undefined);
  first.leave(undefined);
  await enter(admittance);
  await expect(enter(admittance)).rejects.toThrow('2 calls are under way');
});

it('lets who finds no room wait for one who leaves', async () => {
  const admittance = limited({ concurrency: 1 }, 10_000);
  const first = await enter(admittance);
  const second = enter(admittance);
  first.leave(undefined);
  expect(await second).toBeDefined();
});

it('does not let a client wait that has left', async () => {
  const admittance = limited({ concurrency: 1 }, 10_000);
  await enter(admittance);
  const leave = new AbortController();
  const second = admittance.enter(1, leave.signal);
  leave.abort();
  expect(await second).toMatchObject({ entered: false });
});

it('counts requests per minute', async () => {
  const admittance = limited({ requestsPerMinute: 2 });
  await enter(admittance);
  await enter(admittance);
  expect(await admittance.enter(1, signal)).toEqual({
    entered: false,
    reason: 'its limit here of 2 requests per minute is reached',
    retryAfterMs: 30_000,
  });
  now = 30_000;
  await enter(admittance);
});

it('counts the tokens that calls used, and lets one pass that is larger than the limit', async () => {
  const admittance = limited({ tokensPerMinute: 60 });
  const large = await enter(admittance, 1_000);
  large.leave(90);
  expect(await admittance.enter(30, signal)).toMatchObject({ entered: false, retryAfterMs: 60_000 });
  now = 60_000;
  await enter(admittance, 30);
});
