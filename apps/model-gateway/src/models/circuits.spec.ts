import { ProviderError, type ProviderErrorKind } from '@purser/plugin-sdk';
import type { Turn } from './circuit.js';
import { Circuits } from './circuits.js';

let now: number;
let opened: string[];
let circuits: Circuits;
beforeEach(() => {
  now = 1_000_000;
  jest.spyOn(Date, 'now').mockImplementation(() => now);
  opened = [];
  circuits = new Circuits((id, { ms }) => opened.push(`${id} ${ms}`));
});
afterEach(() => jest.restoreAllMocks());

interface Failure {
  mayBill?: boolean;
  retryAfterMs?: number;
  status?: number;
}
const failure = (kind: ProviderErrorKind, { mayBill = false, ...more }: Failure = {}) =>
  new ProviderError(kind, 'no', { mayBill, ...more });
const turn = (model = 'm'): Turn => {
  const entered = circuits.enter('p', model);
  if (!entered) throw new Error('it is left alone');
  return entered;
};
const fail = (kind: ProviderErrorKind, more?: Failure) => turn().failed(failure(kind, more));
const wait = (model = 'm') => circuits.waiting('p', model);
const taken = () => new Promise(setImmediate);

it('opens after three failures in a row that cost nothing', async () => {
  await fail('overloaded');
  await fail('overloaded');
  turn().succeeded();
  await taken();
  await fail('overloaded');
  await fail('overloaded');
  expect(wait()).toBeUndefined();
  await fail('overloaded');
  expect(wait()).toEqual({ ms: 1_001, reason: 'overloaded: no' });
  expect(circuits.enter('p', 'm')).toBeUndefined();
  expect(wait('other')).toBeUndefined();
  expect(opened).toEqual(['p/m 1000']);
});

it.each<[string, ProviderErrorKind, Failure, number]>([
  ['may be billed', 'unknown', { mayBill: true }, 1_000],
  ['says for how long', 'rate_limited', { retryAfterMs: 7_000 }, 7_000],
  ['is for want of the model', 'model_not_found', {}, 1_000],
])('opens at once after a failure that %s', async (_what, kind, more, ms) => {
  await fail(kind, more);
  expect([wait()?.ms, wait('other')]).toEqual([ms + 1, undefined]);
});

it('believes a provider that asks for a short while, at first', async () => {
  await fail('rate_limited', { retryAfterMs: 200 });
  expect(wait()?.ms).toBe(201);
  now += 201;
  await fail('rate_limited', { retryAfterMs: 200 });
  expect(wait()?.ms).toBe(1_001);
});

it('leaves all models of a provider alone whose key is refused, and for longer', async () => {
  await fail('auth');
  expect(wait('other')).toEqual({ ms: 60_001, reason: 'auth: no' });
  expect(opened).toEqual(['p 60000']);
});

it('takes an address that nobody answers as a matter of all models', async () => {
  for (let count = 0; count < 3; count++) await fail('connection');
  expect(wait('other')).toMatchObject({ reason: 'connection: no' });
});

it('does not blame anybody for a wrong request', async () => {
  for (let count = 0; count < 5; count++) await fail('invalid_request');
  expect(wait()).toBeUndefined();
});

it('lets one call try it, and waits twice as long each time that fails, up to a minute', async () => {
  await fail('unknown', { mayBill: true });
  const waits: number[] = [];
  for (let count = 0; count < 7; count++) {
    now += wait()?.ms ?? 0;
    const trial = turn();
    expect(wait()?.reason).toMatch(/^being tried again; /);
    expect(circuits.enter('p', 'm')).toBeUndefined();
    await trial.failed(failure('overloaded'));
    waits.push((wait()?.ms ?? 0) - 1);
  }
  expect(waits).toEqual([2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  now += 60_001;
  turn().succeeded();
  await taken();
  expect(wait()).toBeUndefined();
  await fail('unknown', { mayBill: true });
  expect(wait()?.ms).toBe(1_001);
});

it('is neither closed nor kept open by a call that tried and was given up', async () => {
  await fail('unknown', { mayBill: true });
  now += 1_001;
  turn().abandoned();
  await taken();
  expect(wait()).toBeUndefined();
  const trial = turn();
  expect(circuits.enter('p', 'm')).toBeUndefined();
  await trial.failed(failure('overloaded'));
  expect(wait()?.ms).toBe(2_001);
});

it('is tried in its time, whatever calls that were in flight say meanwhile', async () => {
  const [well, badly, late] = [turn(), turn(), turn()];
  await fail('rate_limited', { retryAfterMs: 5_000 });
  well.succeeded();
  await badly.failed(failure('unknown', { mayBill: true }));
  expect(wait()?.ms).toBe(5_001);
  now += 5_001;
  const trial = turn();
  late.succeeded();
  await taken();
  expect(circuits.enter('p', 'm')).toBeUndefined();
  trial.succeeded();
  await taken();
  expect(wait()).toBeUndefined();
});

it('opens when an answer breaks off after it had begun', async () => {
  turn().succeeded();
  await taken();
  await circuits.brokeOff('p', 'm', failure('connection', { mayBill: true }));
  expect([wait()?.ms, wait('other')]).toEqual([1_001, undefined]);
});

it('leaves no rejection to nobody when cockatiel, whose clock starts later, does not take a trial', async () => {
  const unheard: unknown[] = [];
  const hear = (error: unknown) => unheard.push(error);
  process.on('unhandledRejection', hear);
  try {
    // Telling of it takes a while, and cockatiel counts from then on.
    circuits = new Circuits(() => (now += 5));
    await fail('unknown', { mayBill: true });
    now += wait()?.ms ?? 0;
    await turn().failed(failure('overloaded'));
    await taken();
    await taken();
    expect(unheard).toEqual([]);
  } finally {
    process.removeListener('unhandledRejection', hear);
  }
});
