import type { Spend } from '@purser/contracts';
import { formatUsd } from '@purser/money';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import fc from 'fast-check';
import { BudgetsService } from '../budgets/budgets.service.js';
import { ReleasesRepository } from '../leases/releases.repository.js';
import { LeasesService } from '../leases/leases.service.js';
import { newSpend } from '../ledger/new-spend.fixture.js';
import { SettlementService } from '../ledger/settlement.service.js';
import { budgetOf, HandClock, LEDGER_TEMPLATE, openWatchdog, type TestWatchdog } from '../watchdog.fixture.js';
import { type Action, action, type BudgetName, BUDGETS, GATEWAYS } from './money-actions.fixture.js';
import { WindowChanges } from './window-changes.js';
import { WindowsRepository } from './windows.repository.js';
import { WindowsService } from './windows.service.js';

/**
 * Any interleaving of grants, settlements (doubled, above the hold, without one, by a gateway whose clock is wrong), returns,
 * deaths of gateways, releases of what lost ones hold and their coming back, changes of limits and the passing of time: no grant passes a cutoff, every window holds exactly the entries that belong to it,
 * and what is leased is what gateways have outstanding.
 */

const HOUR = 3_600_000;
const CUTOFF = { day: 1, rolling: 0.85, task: 0.7 } as const;

interface WindowRow {
  id: bigint;
  budget_id: string;
  starts_at: Date;
  ends_at: Date | null;
  settled_nano: bigint;
  leased_nano: bigint;
  outstanding: bigint;
}

const usd = (amount: number): string => formatUsd(BigInt(Math.round(amount * 1e9)) / 100n);

interface Lease {
  granted: number;
  returned: number;
  consumed: number;
  held: number;
  /** The part of `held` that is of before the last release: not set aside any more. */
  old: number;
}

/** One run: budgets of its own, and gateways that follow the protocol. */
class Run {
  private readonly calls: (Spend & { old?: boolean })[] = [];
  private readonly entries = new Map<string, { spend: Spend; countedAt: Date }>();
  /** Totals as each gateway knows them: `<gateway> <window>`. */
  private readonly known = new Map<string, Lease>();
  /** Up to which release each gateway has read its leases. */
  private readonly releases = new Map<string, number>();

  constructor(
    private readonly name: string,
    private readonly watchdog: TestWatchdog,
  ) {}

  private id(budget: BudgetName): string {
    return `${this.name}-${budget}`;
  }

  private definition(budget: BudgetName, limit: number) {
    const scope = budget === 'task' ? { task: this.name } : { provider: this.name };
    const period = budget === 'day' ? 'day' : budget === 'task' ? 'total' : { hours: 3 };
    return budgetOf({
      id: this.id(budget),
      scope,
      period,
      limitUsd: usd(limit),
      timezone: 'Europe/Berlin',
      // Calls stop before the limit: all but this part of it is never granted.
      thresholds: { warning: 0.5, critical: 0.6, cutoff: CUTOFF[budget] },
    });
  }

  async begin(): Promise<void> {
    for (const budget of BUDGETS) await this.setLimit(budget, 100);
  }

  private setLimit(budget: BudgetName, limit: number) {
    this.grantable.set(this.id(budget), BigInt(Math.floor(limit * 1e7 * CUTOFF[budget] + 1e-6)));
    return this.watchdog.get(BudgetsService).set(this.definition(budget, limit));
  }

  async end(): Promise<void> {
    for (const budget of BUDGETS) {
      await this.watchdog.get(BudgetsService).delete({ id: this.id(budget), by: 'spec', reason: '' });
    }
  }

  async take(step: Action): Promise<void> {
    switch (step.do) {
      case 'call':
        return this.call(`${this.name}-g${step.gateway}`, step.cents, step.want, step.withTask, step.lost);
      case 'settle':
        return this.settle(step.pick, step.percent, step.twice);
      case 'return':
        return this.giveBack(`${this.name}-g${step.gateway}`);
      case 'die':
        return this.die(`${this.name}-g${step.gateway}`);
      case 'release':
        return this.release(`${this.name}-g${step.gateway}`, step.back);
      case 'limit':
        return void (await this.setLimit(step.budget, step.cents));
      case 'pass':
        this.watchdog.clock.advance(step.hours * HOUR);
        return step.roll ? this.watchdog.get(WindowsService).roll() : undefined;
      case 'unheld':
        return this.record(this.spend({ amountUsd: usd(step.cents), usageAt: this.at(-step.hoursAgo) }));
      case 'rush': {
        const names = Array.from({ length: GATEWAYS }, (_, n) => `${this.name}-g${n}`);
        await Promise.all(names.map((one) => this.call(one, step.cents, step.cents, true)));
      }
    }
  }

  private at = (hours: number) => new Date(this.watchdog.clock.now().getTime() + hours * HOUR).toISOString();

  private spend(given: Partial<Spend>): Spend {
    return newSpend({ provider: this.name, usageAt: this.at(0), holdUsd: '0.00', ...given });
  }

  private async call(gateway: string, need: number, want: number, withTask: boolean, lost = false): Promise<void> {
    const { budgets } = await this.watchdog.get(BudgetsService).list({});
    const { budgets: ofTask } = await this.watchdog.get(BudgetsService).list({ task: this.name });
    const mine = [...budgets.filter(({ scope }) => scope.provider === this.name), ...(withTask ? ofTask : [])];
    const totals = mine.map(({ window }) => ({ window, lease: this.lease(gateway, window.id) }));
    const reply = await this.watchdog.get(LeasesService).grant({
      gateway,
      releases: this.releases.get(gateway) ?? 0,
      windows: totals.map(({ window, lease }) => ({
        windowId: window.id,
        grantedUsd: usd(lease.granted),
        needUsd: usd(Math.max(0, need - (lease.granted - lease.returned - lease.consumed - lease.held))),
        wantUsd: usd(want),
      })),
    });
    if (lost) return;
    for (const { windowId, grantedUsd } of reply.windows) {
      const lease = this.lease(gateway, windowId);
      lease.granted = Math.max(lease.granted, Math.round(Number(grantedUsd) * 1e9) / 1e7);
    }
    if (!reply.granted) return;
    for (const { lease } of totals) {
      lease.held += need;
      // What was granted covers what is held: a gateway never starts a call without the money for it.
      expect(lease.granted - lease.returned - lease.consumed - lease.held).toBeGreaterThan(-1e-6);
    }
    this.calls.push(
      this.spend({
        gateway,
        ...(withTask ? { task: this.name } : {}),
        holdUsd: usd(need),
        windows: mine.map(({ window }) => window.id),
      }),
    );
  }

  private async settle(pick: number, percent: number, twice: boolean): Promise<void> {
    const [call] = this.calls.splice(this.calls.length ? pick % this.calls.length : 0, 1);
    if (!call) return;
    const hold = Number(call.holdUsd) * 100;
    const amount = (hold * percent) / 100;
    const done = { ...call, amountUsd: usd(amount), usageAt: this.at(0) };
    for (const windowId of call.windows) {
      const lease = this.lease(call.gateway, windowId);
      lease.held -= hold;
      lease.consumed += Math.min(hold, amount);
      if (!call.old) continue;
      lease.old -= hold;
      lease.returned += hold - Math.min(hold, amount);
    }
    await Promise.all([this.record(done), ...(twice ? [this.record({ ...done, amountUsd: usd(amount) })] : [])]);
    if (call.old) await this.tellReturns(call.gateway);
  }

  private async record({ old: _, ...spend }: Spend & { old?: boolean }): Promise<void> {
    const countedAt = this.watchdog.clock.now();
    if (!this.entries.has(spend.attemptId)) this.entries.set(spend.attemptId, { spend, countedAt });
    await this.watchdog.get(SettlementService).settle([spend]);
  }

  private async giveBack(gateway: string): Promise<void> {
    for (const [, lease] of this.of(gateway)) lease.returned = lease.granted - lease.consumed - lease.held;
    await this.tellReturns(gateway);
  }

  private async tellReturns(gateway: string): Promise<void> {
    const windows = this.of(gateway).map(([windowId, { returned }]) => ({
      windowId,
      returnedUsd: usd(Math.max(0, returned)),
    }));
    await this.watchdog.get(LeasesService).giveBack({ gateway, windows });
  }

  private of(gateway: string): [string, Lease][] {
    return [...this.known]
      .filter(([key]) => key.startsWith(`${gateway} `))
      .map(([key, lease]) => [key.split(' ')[1] ?? '', lease]);
  }

  /** A person gives what it holds to others. Its calls go on all the same; it is back at once, or never more than they. */
  private async release(gateway: string, back: boolean): Promise<void> {
    const { database } = this.watchdog;
    const rows = await database.query<{ window_id: bigint }>(
      `UPDATE leases SET presumed = true, presumed_since = $2 WHERE gateway = $1 AND outstanding_nano > 0 RETURNING window_id`,
      [gateway, this.watchdog.clock.now()],
    );
    const ids = rows.map((row) => row.window_id);
    const released = await this.watchdog.get(WindowChanges).commit(async (tx, touched) => {
      await this.watchdog.get(WindowsRepository).lockShaping(tx);
      await this.watchdog.get(WindowsRepository).lockRows(tx, ids);
      touched.add(...ids);
      const why = { gateway, by: 'ada', reason: 'a spec' };
      return this.watchdog.get(ReleasesRepository).release(tx, why, ids, this.watchdog.clock.now());
    });
    if (released.length === 0) return;
    await this.refusesUntilRead(gateway, released[0]?.window_id ?? 0n);
    for (const call of this.calls) if (call.gateway === gateway) call.old = true;
    for (const [, lease] of this.of(gateway)) lease.old = lease.held;
    if (!back) return;
    const { windows, releases } = await this.watchdog.get(LeasesService).read({ gateway });
    this.releases.set(gateway, releases);
    // A grant whose reply was lost is known from now on; and whatever no call holds goes back.
    for (const { windowId, grantedUsd } of windows)
      this.lease(gateway, windowId).granted = Math.round(Number(grantedUsd) * 1e9) / 1e7;
    await this.giveBack(gateway);
  }

  private async refusesUntilRead(gateway: string, windowId: bigint): Promise<void> {
    const ask = { windowId: windowId.toString(), grantedUsd: '0', needUsd: '0.000000001', wantUsd: '1' };
    const releases = this.releases.get(gateway) ?? 0;
    const { refusal } = await this.watchdog.get(LeasesService).grant({ gateway, releases, windows: [ask] });
    expect(['released', 'closed']).toContain(refusal?.kind);
  }

  /** What it held stays leased for ever: nobody knows what became of its calls. Its name goes on with a new journal. */
  private async die(gateway: string): Promise<void> {
    for (let n = this.calls.length - 1; n >= 0; n--) if (this.calls[n]?.gateway === gateway) this.calls.splice(n, 1);
    for (const key of this.known.keys()) if (key.startsWith(`${gateway} `)) this.known.delete(key);
    const { windows, releases } = await this.watchdog.get(LeasesService).read({ gateway });
    this.releases.set(gateway, releases);
    for (const { windowId, grantedUsd, returnedUsd, consumedUsd, releasedUsd } of windows) {
      const [granted, returned, consumed] = [grantedUsd, returnedUsd, consumedUsd].map(
        (each) => Number(each) * 100,
      ) as [number, number, number];
      // Calls in flight are lost, so all that is outstanding stays held.
      const held = granted - returned - consumed;
      this.known.set(`${gateway} ${windowId}`, { granted, returned, consumed, held, old: Number(releasedUsd) * 100 });
    }
  }

  private lease(gateway: string, windowId: string) {
    const key = `${gateway} ${windowId}`;
    const lease = this.known.get(key) ?? { granted: 0, returned: 0, consumed: 0, held: 0, old: 0 };
    this.known.set(key, lease);
    return lease;
  }

  async check(step: Action, before: Map<bigint, WindowRow>): Promise<Map<bigint, WindowRow>> {
    const rows = await this.watchdog.database.query<WindowRow>(
      `SELECT w.*, (SELECT coalesce(sum(granted_nano - returned_nano - consumed_nano - released_nano), 0)::bigint
                      FROM leases l WHERE l.window_id = w.id) AS outstanding
         FROM windows w WHERE budget_id LIKE $1`,
      [`${this.name}-%`],
    );
    for (const row of rows) {
      const what = `${row.budget_id} after ${JSON.stringify(step)}`;
      expect([what, row.leased_nano]).toEqual([what, row.outstanding]);
      expect([what, row.settled_nano]).toEqual([what, this.expected(row)]);
      if (row.leased_nano > (before.get(row.id)?.leased_nano ?? 0n)) {
        const grantable = this.grantable.get(row.budget_id) ?? 0n;
        expect([what, row.settled_nano + row.leased_nano <= grantable]).toEqual([what, true]);
      }
    }
    await this.checkLeases(step);
    return new Map(rows.map((row) => [row.id, row]));
  }

  /** All messages are through, so both sides have the same totals, but for grants whose reply was lost. */
  private async checkLeases(step: Action): Promise<void> {
    const rows = await this.watchdog.database.query<Record<string, string | bigint>>(
      'SELECT * FROM leases WHERE gateway LIKE $1',
      [`${this.name}-%`],
    );
    const nano = (inCents: number) => BigInt(Math.round(inCents * 1e7));
    for (const row of rows) {
      const what = `${row.gateway as string} after ${JSON.stringify(step)}`;
      const lease = this.known.get(`${row.gateway as string} ${String(row.window_id)}`);
      // One that began again is not told of windows that are over and settled.
      if (!lease) continue;
      const { granted, returned, consumed, old } = lease;
      expect([what, row.returned_nano, row.consumed_nano]).toEqual([what, nano(returned), nano(consumed)]);
      expect([what, (row.granted_nano as bigint) >= nano(granted)]).toEqual([what, true]);
      // What was granted since a release stays set aside, whatever is told of the time before it.
      const newer = nano(granted) - nano(returned) - nano(consumed) - nano(old);
      if (this.hasRead(row)) expect([what, (row.outstanding_nano as bigint) >= newer]).toEqual([what, true]);
    }
  }

  /** One that does not know of a release yet takes what is gone for its own; it is granted nothing more. */
  private hasRead(row: Record<string, string | bigint>): boolean {
    return (row.release_seq as bigint) <= (this.releases.get(row.gateway as string) ?? 0);
  }

  /**
   * Said anew, without SQL: an entry belongs where it was held, or else where its usage time falls; in a rolling window by
   * the time at which it was counted.
   */
  private expected(row: WindowRow): bigint {
    const windowsOfBudget = this.windowsOf.get(row.budget_id) ?? new Set<string>();
    windowsOfBudget.add(row.id.toString());
    this.windowsOf.set(row.budget_id, windowsOfBudget);
    let sum = 0n;
    for (const { spend: entry, countedAt } of this.entries.values()) {
      if (row.budget_id === this.id('task') && entry.task !== this.name) continue;
      const held = entry.windows.filter((id) => windowsOfBudget.has(id));
      const rolling = row.budget_id === this.id('rolling');
      const at = rolling ? countedAt : new Date(entry.usageAt);
      const inRange = at >= row.starts_at && (row.ends_at === null || at < row.ends_at);
      const here = held.length > 0 && !rolling ? held.includes(row.id.toString()) : inRange;
      if (here) sum += BigInt(Math.round(Number(entry.amountUsd) * 1e9));
    }
    return sum;
  }

  private readonly grantable = new Map<string, bigint>();
  private readonly windowsOf = new Map<string, Set<string>>();
}

let database: TestDatabase;
let watchdog: TestWatchdog;

beforeAll(async () => {
  database = await createTestDatabase({ template: LEDGER_TEMPLATE });
  // Near a change of the clocks in Berlin, so that the runs go over a day of 25 hours.
  watchdog = await openWatchdog(database.url, new HandClock(new Date('2026-10-24T09:30:00Z')));
});

afterAll(async () => {
  await watchdog?.close();
  await database?.drop();
});

it('keeps every window true under any interleaving', async () => {
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 4, maxLength: 16 }), async (steps) => {
      watchdog.clock.set('2026-10-24T09:30:00Z');
      runs += 1;
      const run = new Run(`r${runs}`, watchdog);
      await run.begin();
      let before = new Map<bigint, WindowRow>();
      for (const step of steps) {
        await run.take(step);
        before = await run.check(step, before);
      }
      await run.end();
    }),
    { numRuns: 60, endOnFailure: true },
  );
}, 120_000);
