import type { PurserError } from '@purser/contracts';
import { formatUsd, maxNano, type Nano, parseUsd } from '@purser/money';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import fc from 'fast-check';
import { BudgetsService } from '../apps/cost-watchdog/src/budgets/budgets.service.js';
import {
  budgetOf,
  HandClock,
  LEDGER_TEMPLATE,
  openWatchdog,
  type TestWatchdog,
} from '../apps/cost-watchdog/src/watchdog.fixture.js';
import { GatewaysService } from '../apps/cost-watchdog/src/leases/gateways.service.js';
import { LeasesService } from '../apps/cost-watchdog/src/leases/leases.service.js';
import { LOST_FOR_MS } from '../apps/cost-watchdog/src/leases/lost-gateways.service.js';
import { Presence, SILENCE_MS } from '../apps/cost-watchdog/src/leases/presence.js';
import { ReleasesService } from '../apps/cost-watchdog/src/leases/releases.service.js';
import { WindowsService } from '../apps/cost-watchdog/src/windows/windows.service.js';
import { type Fate, LeaseGateway } from './lease-gateway.js';

jest.setTimeout(120_000);

/**
 * The two halves of the protocol of leases together: wallets and journals of gateways, and the rules of the watchdog on a
 * real Postgres. Whatever the order of calls, settlements, returns, recalls, crashes, changed limits and days that end, and
 * whichever messages are lost or doubled: no window is ever charged or exposed beyond what was allowed, every attempt is in
 * the ledger once, and no call begins that may not use a budget's reserve unless a second ago, at most, nothing of it was in
 * use. The one thing beyond is what a person took upon himself: calls of a gateway that was given up for lost, and lived.
 * They are recorded in full, whatever else was granted meanwhile.
 */

const CENT = 10_000_000n;
const START = '2026-11-23T09:30:00Z';
const HOUR = 3_600_000;
/** More than any run lets pass. */
const BETWEEN_RUNS = 40 * 24 * HOUR;
/** Between two looks of the watchdog, for which silence then means something. */
const LOOK = 2_500;
const BUDGETS = ['total', 'day'] as const;
type BudgetName = (typeof BUDGETS)[number];
/** Of the budget `total`: three tenths are for calls of at least this priority. */
const IMPORTANT = 8;
const RESERVE = { share: 0.3, minPriority: IMPORTANT };
const BELIEVED_MS = 1_000;

let database: TestDatabase;
let watchdog: TestWatchdog;
beforeAll(async () => {
  database = await createTestDatabase({ template: LEDGER_TEMPLATE });
  watchdog = await openWatchdog(database.url, new HandClock(new Date(START)));
});
afterAll(async () => {
  await watchdog?.close();
  await database?.drop();
});

interface WindowRow {
  id: bigint;
  budget_id: string;
  settled_nano: Nano;
  leased_nano: Nano;
}

interface LeaseRow {
  gateway: string;
  window_id: bigint;
  outstanding_nano: Nano;
  released_nano: Nano;
}

class World {
  readonly gateways: LeaseGateway[];
  /** What each attempt that began has come to, or its hold until it is known. */
  readonly attempts = new Map<string, { windows: readonly string[]; amount: Nano }>();
  /** Per window: its limit, or what was leased and settled already when that was lowered. */
  private readonly allowed = new Map<string, Nano>();
  /** Per window: attempts for which nothing is set aside any more. */
  private readonly uncovered = new Map<string, Set<string>>();
  /** Per window: what was released and has neither been consumed nor returned. */
  private readonly releasedIn = new Map<string, Nano>();
  released = 0;

  constructor(readonly name: string) {
    this.gateways = [0, 1, 2].map((n) => new LeaseGateway(`${name}-g${n}`, name, watchdog));
  }

  /** Also what was settled a moment ago, and not yet written, is charged its hold. */
  async kill(n: number): Promise<void> {
    for (const { attemptId, windows, holdUsd } of await this.gateway(n).crash())
      this.attempts.set(attemptId, { windows, amount: parseUsd(holdUsd) });
  }

  gateway(n: number): LeaseGateway {
    return this.gateways[n] as LeaseGateway;
  }

  /** The windows of a call, and those whose reserve it may not use. */
  async windows(priority: number): Promise<{ ids: string[]; limited: string[] }> {
    const { budgets } = await watchdog.get(BudgetsService).list({});
    const own = budgets.filter(({ scope }) => scope.provider === this.name);
    const limited = own.filter(({ reserve }) => priority < (reserve?.minPriority ?? 0));
    return { ids: own.map(({ window }) => window.id).sort(), limited: limited.map(({ window }) => window.id) };
  }

  /** When nothing of a window's reserve was in use, last of all: by the watchdog's clock. */
  private readonly intactAt = new Map<string, number>();

  /** A call begins only with a look, not older than a second, at which its window's reserve was untouched. */
  async checkReserves(limited: readonly string[]): Promise<void> {
    await this.lookAtReserves();
    const now = watchdog.clock.monotonic();
    for (const windowId of limited) {
      const age = now - (this.intactAt.get(windowId) ?? -Infinity);
      expect({ windowId, age, believed: age <= BELIEVED_MS }).toMatchObject({ believed: true });
    }
    this.lesser += 1;
  }

  /** How many calls began that may not use the reserve. */
  lesser = 0;

  async lookAtReserves(): Promise<void> {
    for (const { id, budget_id, settled_nano, leased_nano } of await this.rows()) {
      const limit = this.limits.get(budget_id) ?? 0n;
      const reserved = budget_id.endsWith('-total') ? (limit * 3n) / 10n : 0n;
      if (settled_nano + leased_nano <= limit - reserved) this.intactAt.set(`${id}`, watchdog.clock.monotonic());
    }
  }

  rows(): Promise<WindowRow[]> {
    return watchdog.database.query<WindowRow>('SELECT * FROM windows WHERE budget_id LIKE $1', [`${this.name}-%`]);
  }

  private readonly limits = new Map<string, Nano>();

  async setLimit(budget: BudgetName, cents: number): Promise<void> {
    const id = `${this.name}-${budget}`;
    const limitUsd = formatUsd(BigInt(cents) * CENT);
    const scope = { provider: this.name };
    await watchdog.get(BudgetsService).set(
      budgetOf({
        id,
        scope,
        period: budget,
        limitUsd,
        timezone: 'UTC',
        ...(budget === 'total' ? { reserve: RESERVE } : {}),
      }),
    );
    this.limits.set(id, BigInt(cents) * CENT);
    for (const row of await this.rows()) {
      if (row.budget_id !== id) continue;
      const used = row.settled_nano + row.leased_nano;
      this.allowed.set(`${row.id}`, used > BigInt(cents) * CENT ? used : BigInt(cents) * CENT);
    }
  }

  /** One is silent for so long that a person gives it up, while the others are heard; then they hear of it, it does not. */
  async giveUp(n: number): Promise<void> {
    const lost = this.gateway(n);
    const others = this.gateways.filter((gateway) => gateway !== lost);
    for (let passed = 0; passed <= 2 * SILENCE_MS + LOST_FOR_MS; passed += LOOK) {
      watchdog.clock.advance(LOOK);
      const at = watchdog.clock.now().toISOString();
      for (const { name } of others)
        watchdog.get(Presence).hear({ service: 'model-gateway', instance: name, version: '1', startedAt: at, at });
      await watchdog.get(GatewaysService).judge();
    }
    const inLedger = await this.entries();
    const request = { gateway: lost.name, by: 'ada', reason: 'its disk burnt' };
    const { released } = await watchdog
      .get(ReleasesService)
      .release(request)
      .catch((error: PurserError) => {
        if (error.code === 'not_found') return { released: [] };
        throw error;
      });
    for (const { windowId } of released) {
      const uncovered = this.uncovered.get(windowId) ?? new Set();
      for (const attemptId of lost.exposure(windowId, inLedger).keys()) uncovered.add(attemptId);
      this.uncovered.set(windowId, uncovered);
    }
    this.released += released.length;
    const { releases } = await watchdog.get(LeasesService).read({ gateway: `${this.name}-none` });
    for (const other of others) other.hear(releases);
  }

  /**
   * What a gateway consumes is taken first from what was released of it: nothing is set aside for that, so it lies on top
   * of everything else, until what was granted since then is not needed any more.
   */
  private consumedOnTop(windowId: string, leases: readonly LeaseRow[]): Nano {
    const now = leases.reduce((sum, { released_nano }) => sum + released_nano, 0n);
    const before = this.releasedIn.get(windowId) ?? 0n;
    this.releasedIn.set(windowId, now);
    return maxNano(before - now, 0n);
  }

  /** What must hold after every step. */
  async check(): Promise<void> {
    const inLedger = await this.entries();
    const leases = await watchdog.database.query<LeaseRow>('SELECT * FROM leases WHERE gateway LIKE $1', [
      `${this.name}-%`,
    ]);
    for (const { id, budget_id, settled_nano, leased_nano } of await this.rows()) {
      const windowId = `${id}`;
      const limit = this.limits.get(budget_id) ?? 0n;
      const own = leases.filter(({ window_id }) => window_id === id);
      const allowed = (this.allowed.get(windowId) ?? limit) + this.consumedOnTop(windowId, own);
      // Once less is in use than a lowered limit had found, no grant may use more again than the limit.
      const used = settled_nano + leased_nano;
      this.allowed.set(windowId, used > limit ? (used < allowed ? used : allowed) : limit);
      expect({ budget_id, within: used <= allowed, used, allowed }).toMatchObject({ within: true });
      let outstanding = 0n;
      for (const gateway of this.gateways) {
        const leased = own.find((lease) => lease.gateway === gateway.name)?.outstanding_nano ?? 0n;
        const exposed = this.exposed(gateway, windowId, inLedger);
        expect({ budget_id, covered: exposed <= leased, exposed, leased }).toMatchObject({ covered: true });
        outstanding += leased;
      }
      expect({ budget_id, leased_nano }).toEqual({ budget_id, leased_nano: outstanding });
    }
  }

  private exposed(gateway: LeaseGateway, windowId: string, inLedger: ReadonlyMap<string, Nano>): Nano {
    const uncovered = this.uncovered.get(windowId);
    let sum = 0n;
    for (const [attemptId, amount] of gateway.exposure(windowId, inLedger))
      if (!uncovered?.has(attemptId)) sum += amount;
    return sum;
  }

  /** Everything arrives at last: the ledger is exact, and nothing is left aside. */
  async settleAll(): Promise<void> {
    for (const gateway of this.gateways) {
      while (gateway.open.length > 0) this.settled(gateway.settle(0, 50));
      await gateway.publish('doubled');
      await gateway.findLostGrants();
      await gateway.giveBack('doubled');
    }
    const recorded = await this.entries();
    expect(recorded.size).toBe(this.attempts.size);
    for (const [id, amount] of recorded) expect([id, amount]).toEqual([id, this.attempts.get(id)?.amount]);
    for (const { id, leased_nano, settled_nano } of await this.rows()) {
      let sum = 0n;
      for (const { windows, amount } of this.attempts.values()) if (windows.includes(`${id}`)) sum += amount;
      expect({ id, leased_nano, settled_nano }).toEqual({ id, leased_nano: 0n, settled_nano: sum });
    }
  }

  private async entries(): Promise<Map<string, Nano>> {
    const entries = await watchdog.database.query<{ attempt_id: string; amount_nano: Nano }>(
      'SELECT attempt_id, amount_nano FROM entries WHERE provider = $1',
      [this.name],
    );
    return new Map(entries.map(({ attempt_id, amount_nano }) => [attempt_id, amount_nano]));
  }

  began(gateway: LeaseGateway): void {
    const { held } = gateway.open.at(-1) ?? {};
    if (held) this.attempts.set(held.attemptId, { windows: held.windows, amount: parseUsd(held.holdUsd) });
  }

  settled(ended: ReturnType<LeaseGateway['settle']>): void {
    if (ended) this.attempts.set(ended.held.attemptId, { windows: ended.held.windows, amount: ended.amount });
  }

  async close(): Promise<void> {
    for (const gateway of this.gateways) gateway.close();
    for (const budget of BUDGETS)
      await watchdog.get(BudgetsService).delete({ id: `${this.name}-${budget}`, by: 'spec', reason: '' });
  }
}

type Step = fc.AsyncCommand<object, World>;

/** Any step is possible at any time; the world checks itself after each. */
const step = (name: string, run: (world: World) => Promise<unknown>): Step => ({
  check: () => true,
  run: async (_, world) => {
    // Whatever is true now was so until this moment, which the step may move on from.
    await world.lookAtReserves();
    await run(world);
    await world.check();
  },
  toString: () => name,
});

const gateway = fc.nat(2);
const priority = fc.constantFrom(2, 5, 8, 9);
const cents = fc.integer({ min: 1, max: 40 });
const fate = fc.constantFrom<Fate>(
  'arrives',
  'arrives',
  'arrives',
  'arrives',
  'arrives',
  'doubled',
  'lost',
  'reply lost',
);

const steps = fc.commands<object, World, false>(
  [
    ...Array.from({ length: 6 }, () =>
      fc.tuple(gateway, cents, cents, fate, priority).map(([n, need, want, how, priority]) =>
        step(`g${n} calls for ${need} of ${want} (${how}) with priority ${priority}`, async (world) => {
          const one = world.gateway(n);
          const { ids, limited } = await world.windows(priority);
          if (!(await one.call(ids, BigInt(need) * CENT, BigInt(want) * CENT, how, { priority, limited }))) return;
          world.began(one);
          if (priority < IMPORTANT) await world.checkReserves(limited);
        }),
      ),
    ),
    ...Array.from({ length: 3 }, () =>
      fc
        .tuple(gateway, fc.nat(), fc.nat(100))
        .map(([n, pick, percent]) =>
          step(`g${n} settles #${pick} at ${percent} %`, (world) =>
            Promise.resolve(world.settled(world.gateway(n).settle(pick, percent))),
          ),
        ),
    ),
    ...Array.from({ length: 3 }, () =>
      fc
        .tuple(gateway, fate)
        .map(([n, how]) => step(`g${n} publishes (${how})`, (world) => world.gateway(n).publish(how))),
    ),
    fc
      .tuple(gateway, fate)
      .map(([n, how]) => step(`g${n} gives back (${how})`, (world) => world.gateway(n).giveBack(how))),
    fate.map((how) =>
      step(`all are recalled (${how})`, async (world) => {
        for (const one of world.gateways) await one.giveBack(how);
      }),
    ),
    gateway.map((n) => step(`g${n} is killed`, (world) => world.kill(n))),
    gateway.map((n) => step(`what g${n} holds is released by a person`, (world) => world.giveUp(n))),
    gateway.map((n) => step(`g${n} looks for lost grants`, (world) => world.gateway(n).findLostGrants())),
    fc.tuple(fc.constantFrom(...BUDGETS), fc.nat(150), fc.boolean()).map(([budget, limit, heard]) =>
      step(`${budget} is set to ${limit}${heard ? '' : ', unheard'}`, async (world) => {
        await world.setLimit(budget, limit);
        if (heard) for (const one of world.gateways) await one.giveBack('arrives', true);
      }),
    ),
    fc.constantFrom(600, 1_200).map((ms) => step(`${ms} ms pass`, () => Promise.resolve(watchdog.clock.advance(ms)))),
    fc.constantFrom(1, 14).map((hours) =>
      step(`${hours} h pass`, async () => {
        watchdog.clock.advance(hours * HOUR);
        await watchdog.get(WindowsService).roll();
      }),
    ),
  ],
  { maxCommands: 40, size: 'max' },
);

it('leases of several gateways never let a window be passed, and settle every attempt once', async () => {
  let runs = 0;
  let attempts = 0;
  let lesser = 0;
  let released = 0;
  await fc.assert(
    fc.asyncProperty(steps, async (commands) => {
      // Never back: the watchdog measures silence by it.
      watchdog.clock.set(new Date(Date.parse(START) + BETWEEN_RUNS * (runs += 1)).toISOString());
      const world = new World(`r${runs}`);
      for (const budget of BUDGETS) await world.setLimit(budget, 100);
      try {
        await fc.asyncModelRun(() => ({ model: {}, real: world }), commands);
        await world.settleAll();
        attempts += world.attempts.size;
        lesser += world.lesser;
        released += world.released;
      } finally {
        await world.close();
      }
    }),
    { numRuns: 50, endOnFailure: true },
  );
  // Money did flow.
  expect(attempts).toBeGreaterThan(50);
  expect(lesser).toBeGreaterThan(20);
  expect(released).toBeGreaterThan(5);
});
