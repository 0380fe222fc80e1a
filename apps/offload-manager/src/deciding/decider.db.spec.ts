import type { DecidedMove, OffloadDecision } from '@purser/contracts';
import { Database } from '@purser/database';
import { Latch } from '@purser/service';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { Config } from '../config.js';
import { DATABASE_OPTIONS, OFFLOAD_TEMPLATE, QUIET } from '../offload.fixture.js';
import { Decider } from './decider.service.js';
import { DecisionsRepository } from './decisions.repository.js';
import type { PlannedMove, Situation } from './situation.js';
import type { Situations } from './situations.service.js';

const start = new Date('2026-11-29T10:00:00Z');
const bounds = { offloadMb: 6144, criticalMb: 2048, maxUsedPercent: 85 };

let test: TestDatabase;
let database: Database;
let decisions: DecisionsRepository;
let begun: PlannedMove[];
let refusal: Error | undefined;
let now: Date;
let situation: Omit<Situation, 'now'>;

const scarce = (): Omit<Situation, 'now'> => ({
  memory: { availableMb: 1024, totalMb: 16384, usedPercent: 93.75 },
  pressure: 'critical',
  trendMbPerMinute: undefined,
  pressureSince: start,
  calmSince: undefined,
  candidates: [{ name: 'embedder', weight: 60, memoryMb: 1000, neededMb: 1000, at: undefined }],
  market: {
    offers: [
      {
        machineType: 'small',
        memoryMb: 4096,
        spotPerHour: 10_000_000n,
        regularPerHour: 40_000_000n,
        spotWorstCase: 25_000_000n,
        regularWorstCase: 100_000_000n,
      },
    ],
    affordable: undefined,
    hindrance: undefined,
    preemptions: 0,
  },
});
const calm = (): Omit<Situation, 'now'> => ({
  ...scarce(),
  memory: { availableMb: 12_000, totalMb: 16384, usedPercent: 25 },
  pressure: 'calm',
});

beforeEach(async () => {
  test = await createTestDatabase({ template: OFFLOAD_TEMPLATE });
  database = await Database.connect({ ...DATABASE_OPTIONS, url: test.url });
  decisions = new DecisionsRepository(database);
  begun = [];
  refusal = undefined;
  now = start;
  situation = scarce();
});
afterEach(async () => {
  await database.close();
  await test.drop();
});

function decider(settings: Record<string, string> = {}, clear = true): Decider {
  const config = Config.parse({ PURSER_NATS_URL: 'nats://a', PURSER_DATABASE_URL: 'postgres://a/b', ...settings });
  const situations = { bounds, look: () => Promise.resolve({ now, ...situation }) } as unknown as Situations;
  const mover = {
    begin: (move: PlannedMove) => (refusal ? Promise.reject(refusal) : Promise.resolve(void begun.push(move))),
  };
  const latch = new Latch({ now: () => now, monotonic: () => performance.now() });
  latch.observe({ active: false, serial: 0, cause: null, by: null, reason: null, at: null } as never, clear);
  return new Decider(situations, decisions, mover, config, latch, QUIET);
}
const outcome = ({ moves: [move] }: OffloadDecision): DecidedMove | undefined => move;

it('has done what it decided, and writes down why', async () => {
  const decision = await decider().decide();
  expect(decision).toMatchObject({
    action: 'offload',
    urgent: true,
    times: 1,
    reason: expect.stringContaining('1024 MB') as string,
  });
  expect(outcome(decision)).toMatchObject({
    component: 'embedder',
    to: 'vm',
    machineType: 'small',
    spot: true,
    worstCaseUsd: '0.0250',
    outcome: 'begun',
  });
  expect(begun.map(({ component }) => component)).toEqual(['embedder']);
  expect(await decisions.newest(10)).toEqual([decision]);
});

it.each([
  [{ HYBRID_ORCHESTRATION_DRY_RUN: 'true' }, 'HYBRID_ORCHESTRATION_DRY_RUN is true'],
  [{ ENABLE_AUTO_MIGRATION: 'false' }, 'ENABLE_AUTO_MIGRATION is false'],
])('decides and tells, and begins nothing, with %j', async (settings, why) => {
  expect(outcome(await decider(settings).decide())?.outcome).toContain(why);
  expect(begun).toEqual([]);
});

it('brings home what its VM does not hold for long, also where nothing moves by itself', async () => {
  const at = { place: 'vm', vm: 'v', since: start, leaving: 'its VM is draining' } as const;
  situation = { ...calm(), candidates: [{ name: 'embedder', weight: 60, memoryMb: 1000, neededMb: 1000, at }] };
  expect(outcome(await decider({ ENABLE_AUTO_MIGRATION: 'false' }).decide())?.outcome).toBe('begun');
  expect(begun).toMatchObject([{ component: 'embedder', to: 'local' }]);
});

it('begins no VM while the latch is set or unknown, and says what refused a move', async () => {
  expect(outcome(await decider({}, false).decide())?.outcome).toContain('emergency');
  expect(begun).toEqual([]);
  refusal = new Error('budget monthly does not cover it');
  expect(outcome(await decider().decide())?.outcome).toBe('not begun: budget monthly does not cover it');
});

it('counts equal decisions in one row, with the newest figures', async () => {
  situation = { ...calm(), calmSince: start };
  const one = decider();
  await one.decide();
  now = new Date(start.getTime() + 30_000);
  situation = { ...calm(), calmSince: start, memory: { availableMb: 11_000, totalMb: 16384, usedPercent: 32 } };
  await one.decide();
  situation = scarce();
  await one.decide();
  situation = { ...calm(), calmSince: start };
  await one.decide();
  const all = await decisions.newest(10);
  expect(all.map(({ action, times, memory }) => [action, times, memory.availableMb])).toEqual([
    ['none', 1, 12_000],
    ['offload', 1, 1024],
    ['none', 2, 11_000],
  ]);
  expect(all[2]).toMatchObject({ at: start.toISOString(), lastAt: now.toISOString() });
  expect((await decisions.newest(10, 'offload')).map(({ action }) => action)).toEqual(['offload']);
});

it('keeps decisions within bounds', async () => {
  const one = decider();
  for (const next of [calm(), scarce(), calm(), scarce()]) {
    situation = next;
    await one.decide();
  }
  await decisions.forget(start, 2);
  expect(await decisions.newest(10)).toHaveLength(2);
  await decisions.forget(new Date(start.getTime() + 1), 10);
  expect(await decisions.newest(10)).toEqual([]);
});

it('gives the turn to one instance, until it is over', async () => {
  const later = (ms: number) => new Date(start.getTime() + ms);
  const taken = await Promise.all(['a', 'b', 'c'].map((name) => decisions.takeTurn(name, start, later(1_000))));
  expect(taken.filter(Boolean)).toHaveLength(1);
  const holder = ['a', 'b', 'c'][taken.indexOf(true)] ?? '';
  expect(await decisions.takeTurn(holder, later(500), later(2_000))).toBe(true);
  expect(await decisions.takeTurn('other', later(1_500), later(9_000))).toBe(false);
  expect(await decisions.takeTurn('other', later(2_000), later(9_000))).toBe(true);
});
