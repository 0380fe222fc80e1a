import { jest } from '@jest/globals';
import type { BudgetStatus } from '@purser/contracts';
import type { ComputeDriver } from '@purser/plugin-sdk';
import { NO_PRICES } from '../money/vm-prices.js';
import { VmRates } from '../money/vm-rates.js';
import type { WatchdogDesk } from '../money/watchdog-desk.js';
import { ActiveDriver } from '../vms/active-driver.js';
import { DriverMarket } from './driver-market.service.js';
import type { PreemptionsRepository } from './preemptions.repository.js';

const now = new Date('2026-11-29T10:00:00Z');
const settings = {
  GCP_VM_TYPE: 'small',
  SPOT_VM_HOURLY_COST: '0.02',
  REGULAR_VM_HOURLY_COST: '0.1',
  MAX_VM_LIFETIME_HOURS: 2,
  PURSER_VM_EGRESS_GB: 1,
};

const driver = (given: Partial<ComputeDriver> = {}): ComputeDriver =>
  ({
    provider: 'gcp',
    place: 'demo',
    check: () => Promise.resolve(),
    zones: () => Promise.resolve(['a', 'b']),
    machineTypes: () =>
      Promise.resolve([
        { name: 'small', memoryMb: 4096, cpus: 2 },
        { name: 'huge-without-a-price', memoryMb: 900_000, cpus: 64 },
      ]),
    ...given,
  }) as ComputeDriver;
const budget = (scope: BudgetStatus['scope'], remainingUsd: string, unreservedUsd?: string) =>
  ({ id: 'b', scope, window: { remainingUsd, unreservedUsd } }) as BudgetStatus;

interface Given {
  driver?: ComputeDriver;
  budgets?: () => Promise<BudgetStatus[]>;
  credentials?: () => Promise<void>;
}

function market(given: Given, sameMachine = false, enabled = true): DriverMarket {
  const drivers = new ActiveDriver();
  const active = given.driver;
  drivers.use(active ? [active] : [], active, active ? 'it is configured' : 'no compute driver is configured');
  const credentials = {
    check: given.credentials ?? (() => Promise.resolve()),
    issue: () => Promise.resolve({}),
    revoke: () => Promise.resolve(),
  };
  const desk = { budgets: given.budgets ?? (() => Promise.resolve([])) } as WatchdogDesk;
  const preemptions = { within: () => Promise.resolve(1) } as unknown as PreemptionsRepository;
  const rates = new VmRates(NO_PRICES, settings);
  const config = { PURSER_OFFLOAD_SAME_MACHINE: sameMachine, HYBRID_ORCHESTRATION_ENABLED: enabled };
  return new DriverMarket(drivers, credentials, rates, desk, preemptions, config);
}

it('offers the machines of the driver, with what each may cost in its life', async () => {
  const { offers, affordable, hindrance, preemptions: count } = await market({ driver: driver() }).look(now);
  // The other one nobody could hold the money for.
  expect(offers).toMatchObject([{ machineType: 'small', memoryMb: 4096 }]);
  const [offer] = offers;
  // Of two hours, and of twice the GB that it may send.
  expect(offer?.spotWorstCase).toBe(2n * (offer?.spotPerHour ?? 0n) + 240_000_000n);
  expect(Number(offer?.regularPerHour) - Number(offer?.spotPerHour)).toBe(80_000_000);
  expect([affordable, hindrance, count]).toEqual([undefined, undefined, 1]);
});

it('has what the narrowest budget leaves that counts VMs', async () => {
  const budgets = () =>
    Promise.resolve([
      budget({}, '5.00'),
      budget({ provider: 'gcp' }, '3.00', '2.00'),
      budget({ provider: 'openai' }, '0.10'),
      budget({ project: 'x' }, '0.20'),
    ]);
  expect((await market({ driver: driver(), budgets }).look(now)).affordable).toBe(2_000_000_000n);
});

it.each<[string, Given, string]>([
  ['no driver', {}, 'no compute driver is configured'],
  [
    'a driver that misses something',
    { driver: driver({ check: () => Promise.reject(new Error('no key file')) }) },
    'no key file',
  ],
  [
    'no credentials',
    { driver: driver(), credentials: () => Promise.reject(new Error('no public address')) },
    'no public address',
  ],
  [
    'a watchdog that is away',
    { driver: driver(), budgets: () => Promise.reject(new Error('no cost-watchdog')) },
    'no cost-watchdog',
  ],
])('offers nothing with %s, and says why', async (_what, given, why) => {
  expect(await market(given).look(now)).toMatchObject({ offers: [], hindrance: why });
});

it('says where VMs come from, and what keeps them from being made there', async () => {
  const why = 'it is configured';
  expect(await market({ driver: driver() }).compute()).toEqual({ provider: 'gcp', why, problem: null });
  const check = () => Promise.reject(new Error('no key file'));
  expect(await market({ driver: driver({ check }) }).compute()).toEqual({
    provider: 'gcp',
    why,
    problem: 'no key file',
  });
  // That nobody has set up any is no problem.
  const none = 'no compute driver is configured';
  expect(await market({}).compute()).toEqual({ provider: null, why: none, problem: null });
});

it('tells what a cloud that takes long said last, and that one has not said anything yet', async () => {
  const never = () => new Promise<void>(() => undefined);
  const checks = [() => Promise.resolve(), never];
  const one = market({ driver: driver({ check: () => (checks.shift() ?? never)() }) });
  expect((await one.compute()).problem).toBeNull();
  const real = performance.now.bind(performance);
  const clock = jest.spyOn(performance, 'now').mockImplementation(() => real() + 61_000);
  const first = market({ driver: driver({ check: never }) });
  const [known, unknown] = await Promise.all([one.compute(), first.compute()]);
  clock.mockRestore();
  expect([known.problem, checks.length]).toEqual([null, 0]);
  expect(unknown.problem).toMatch(/^gcp has not said yet/);
});

it('does not ask a driver that is not to be used', async () => {
  const check = () => Promise.reject(new Error('no key file'));
  expect((await market({ driver: driver({ check }) }, false, false).compute()).problem).toBeNull();
});

it('asks a driver once for all who ask at the same time', async () => {
  let asked = 0;
  const one = market({ driver: driver({ check: () => Promise.resolve(void asked++) }) });
  await Promise.all([one.compute(), one.look(now), one.compute()]);
  expect(asked).toBe(1);
});

it('says where a move would relieve nothing, unless it is wanted all the same', async () => {
  const here = { driver: driver({ provider: 'docker', sameMachine: true }) };
  expect((await market(here).look(now)).pointless).toContain('PURSER_OFFLOAD_SAME_MACHINE');
  expect(market(here).pointless()).toContain('PURSER_OFFLOAD_SAME_MACHINE');
  expect((await market(here, true).look(now)).pointless).toBeUndefined();
  expect((await market({ driver: driver() }).look(now)).pointless).toBeUndefined();
});
