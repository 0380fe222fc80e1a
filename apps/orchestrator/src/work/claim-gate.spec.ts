import { Latch } from '@purser/service';
import { ClaimGate } from './claim-gate.js';
import type { ClaimsRepository } from './claims.repository.js';
import type { Nudge } from './nudge.js';
import type { Sight, WorkRepository } from './work.repository.js';

let now: number;
let asked: number;
let anyReady: boolean;
let tell: () => void;
let gate: ClaimGate;

const claim = (more: object = {}) =>
  gate.mayGive({ requestId: 'q', runner: 'r', slots: 1, executors: ['command'], leaseMs: 8_000, ...more });

beforeEach(() => {
  now = 0;
  asked = 0;
  anyReady = false;
  const latch = new Latch({ now: () => new Date(), monotonic: () => 0 });
  latch.observe({ serial: 1, active: false, by: 'spec', reason: '', at: new Date().toISOString() }, true);
  const claims = { mayGive: () => Promise.resolve(Boolean(asked++)) };
  const work = { look: () => Promise.resolve({ anyReady, anyLimited: false } as Sight) };
  const nudge = { whenReady: (listener: () => void) => (tell = listener) };
  gate = new ClaimGate(
    latch,
    claims as unknown as ClaimsRepository,
    work as unknown as WorkRepository,
    nudge as unknown as Nudge,
    { now: () => new Date(), monotonic: () => now },
  );
});

it('tries, as long as nothing is known', async () => {
  expect(await claim()).toBe(true);
  expect(asked).toBe(0);
});

it('asks nobody after a look that saw nothing', async () => {
  await gate.look();
  expect(await claim()).toBe(false);
  now = 2_500;
  expect(await claim()).toBe(false);
  expect(asked).toBe(0);
});

it.each([
  ['is told of work here', () => tell()],
  ['hears of work elsewhere', () => gate.heard()],
  ['has not looked for a while', () => (now = 3_001)],
])('tries again when it %s', async (_what, happen) => {
  await gate.look();
  happen();
  expect(await claim()).toBe(true);
});

it('does not take for nothing what came while it looked', async () => {
  const looking = gate.look();
  gate.heard();
  await looking;
  expect(await claim()).toBe(true);
});

it('never turns away a claim that is asked again: it may have been given something', async () => {
  await gate.look();
  expect(await claim({ again: true })).toBe(true);
});

it('looks first after a claim that came short, for those executors and until there is news', async () => {
  anyReady = true;
  await gate.look();
  gate.cameShort({ requestId: 'q', runner: 'r', slots: 1, executors: ['command'], leaseMs: 1 }, gate.latestNews);
  expect(await claim()).toBe(false);
  expect(asked).toBe(1);
  expect(await claim({ executors: ['chat'] })).toBe(true);
  expect(asked).toBe(1);
  gate.heard();
  expect(await claim()).toBe(true);
  expect(asked).toBe(1);
});

it('has a busy runner that was given work only just now wait for what comes meanwhile, and nobody else', async () => {
  await gate.look();
  gate.gave({ requestId: 'q', runner: 'r', slots: 2, executors: ['command'], leaseMs: 1 });
  const busy = claim({ slots: 1 });
  const idle = claim({ slots: 2 });
  const other = claim({ runner: 'another' });
  gate.heard();
  expect(await busy).toBe(true);
  expect(await idle).toBe(false);
  expect(await other).toBe(false);
});
