import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { violatedConstraint } from '@purser/database';
import { BudgetsService } from '../budgets/budgets.service.js';
import { LatchRepository } from '../emergency/latch.repository.js';
import { newSpend } from '../ledger/new-spend.fixture.js';
import { SettlementService } from '../ledger/settlement.service.js';
import { budgetOf, HandClock, LEDGER_TEMPLATE, openWatchdog, type TestWatchdog } from '../watchdog.fixture.js';
import { WindowsService } from '../windows/windows.service.js';
import { GatewaysService } from './gateways.service.js';
import { LeasesService } from './leases.service.js';
import { Presence, SILENCE_MS } from './presence.js';

let database: TestDatabase;
let watchdog: TestWatchdog;
let leases: LeasesService;
let budgets: BudgetsService;
const clock = new HandClock(new Date('2026-11-23T10:00:00Z'));
let count = 0;

beforeAll(async () => {
  database = await createTestDatabase({ template: LEDGER_TEMPLATE });
  watchdog = await openWatchdog(database.url, clock);
  leases = watchdog.get(LeasesService);
  budgets = watchdog.get(BudgetsService);
});

afterAll(async () => {
  await watchdog?.close();
  await database?.drop();
});

async function window(limitUsd: string, extra: Partial<Parameters<typeof budgetOf>[0]> = {}) {
  count += 1;
  const task = `t${count}`;
  const status = await budgets.set(budgetOf({ id: `b${count}`, scope: { task }, period: 'total', limitUsd, ...extra }));
  return { id: status.window.id, task, budget: status.id };
}

const ask = (windowId: string, needUsd: string, wantUsd = needUsd, grantedUsd = '0', leastUsd = needUsd) => ({
  windowId,
  grantedUsd,
  needUsd,
  wantUsd,
  leastUsd,
});
const grant = (gateway: string, ...windows: ReturnType<typeof ask>[]) => leases.grant({ gateway, windows });
const figures = async ({ task }: { task: string }) => (await budgets.list({ task })).budgets[0]?.window;
const beat = (instance: string) =>
  watchdog.get(Presence).hear({
    service: 'model-gateway',
    instance,
    version: '1',
    startedAt: '2026-11-23T10:00:00Z',
    at: '2026-11-23T10:00:00Z',
  });

describe('grants', () => {
  it('give what is wanted from a full window, at most a fiftieth of it, at least the need', async () => {
    const w = await window('100.00');
    expect((await grant('g1', ask(w.id, '0.10', '50.00'))).windows).toMatchObject([
      { windowId: w.id, grantedUsd: '2.00' },
    ]);
    expect((await grant('g1', ask(w.id, '30.00', '40.00', '2.00'))).windows[0]?.grantedUsd).toBe('32.00');
    expect(await figures(w)).toMatchObject({ leasedUsd: '32.00', remainingUsd: '68.00' });
  });

  it('tell what is settled, and how much of it is the gateway’s own', async () => {
    const w = await window('1.00');
    await grant('teller', ask(w.id, '0.30'));
    const own = { task: w.task, amountUsd: '0.10', holdUsd: '0.20', windows: [w.id] };
    await watchdog
      .get(SettlementService)
      .settle([newSpend({ ...own, gateway: 'teller' }), newSpend({ ...own, gateway: 'other', amountUsd: '0.15' })]);
    const told = { windowId: w.id, settledUsd: '0.25', consumedUsd: '0.10' };
    expect((await grant('teller', ask(w.id, '0.10', '0.10', '0.30'))).windows).toMatchObject([told]);
    // Also with a refusal; and nothing of a window that is not there.
    expect((await grant('teller', ask(w.id, '5.00', '5.00', '0.40'))).windows).toMatchObject([told]);
    expect((await grant('teller', ask('nothing', '0.10'))).windows).toEqual([
      { windowId: 'nothing', grantedUsd: '0.00' },
    ]);
  });

  it('give all windows or none', async () => {
    const wide = await window('10.00');
    const narrow = await window('0.50');
    const reply = await grant('g1', ask(wide.id, '0.60'), ask(narrow.id, '0.60'));
    expect(reply).toMatchObject({ granted: false, refusal: { kind: 'exhausted', windowId: narrow.id } });
    expect(await figures(wide)).toMatchObject({ leasedUsd: '0.00' });
    expect(await figures(narrow)).toMatchObject({ leasedUsd: '0.00' });
  });

  it('tell held from exhausted', async () => {
    const w = await window('1.00');
    await grant('g1', ask(w.id, '0.80'));
    expect((await grant('g2', ask(w.id, '0.30'))).refusal?.kind).toBe('held');
    expect((await grant('g2', ask(w.id, '1.01'))).refusal?.kind).toBe('exhausted');
    expect((await grant('g2', ask(w.id, '0.20'))).granted).toBe(true);
  });

  it('call back what others hold where that helps, and nowhere else', async () => {
    const recalled = () => watchdog.published.map(({ data }) => (data as { windowIds: string[] }).windowIds);
    const held = await window('1.00');
    const spent = await window('0.10');
    await grant('g1', ask(held.id, '0.80'));
    const before = recalled().length;
    expect((await grant('g2', ask(held.id, '0.30'), ask(spent.id, '0.30'))).refusal?.kind).toBe('exhausted');
    expect(recalled()).toHaveLength(before);
    // Many that ask at once cause one.
    for (const gateway of ['g2', 'g3']) await grant(gateway, ask(held.id, '0.30'), ask(spent.id, '0.01'));
    expect(recalled().slice(before)).toEqual([[held.id]]);
  });

  it('count what a lost reply granted', async () => {
    const w = await window('1.00');
    await grant('g1', ask(w.id, '0.40'));
    const again = await grant('g1', ask(w.id, '0.40', '0.40', '0'));
    expect(again).toMatchObject({ granted: true, windows: [{ windowId: w.id, grantedUsd: '0.40' }] });
    const more = await grant('g1', ask(w.id, '0.70', '0.70', '0.10'));
    expect(more.windows[0]?.grantedUsd).toBe('0.80');
    expect(await figures(w)).toMatchObject({ leasedUsd: '0.80' });
  });

  it('refuse windows that are over, deleted, unknown, or doubled', async () => {
    const day = await window('1.00', { period: 'day' });
    clock.set('2026-11-24T00:00:00Z');
    expect((await grant('g1', ask(day.id, '0.10'))).refusal).toEqual({ kind: 'closed', windowId: day.id });
    expect((await grant('g1', ask('999999', '0.10'))).refusal?.kind).toBe('closed');
    expect((await grant('g1', ask('no number', '0.10'))).refusal).toEqual({ kind: 'closed', windowId: 'no number' });
    const gone = await window('1.00');
    await budgets.delete({ id: gone.budget, by: 'ada', reason: '' });
    expect((await grant('g1', ask(gone.id, '0.10'))).refusal?.kind).toBe('closed');
    await expect(grant('g1', ask(gone.id, '1'), ask(gone.id, '1'))).rejects.toMatchObject({ code: 'invalid_request' });
    await expect(grant('g1', ask(gone.id, '-1'))).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('never pass a limit, whoever asks at once', async () => {
    const one = await window('1.00');
    const two = await window('0.70');
    const asked = Array.from({ length: 40 }, (_, n) => {
      const windows = n % 2 ? [ask(one.id, '0.06'), ask(two.id, '0.05')] : [ask(two.id, '0.05'), ask(one.id, '0.07')];
      return grant(`g${n % 7}`, ...windows.map((each) => ({ ...each, grantedUsd: '999' })));
    });
    const replies = await Promise.all(asked);
    const granted = replies.filter((reply) => reply.granted).length;
    expect(granted).toBe(14); // 0.70 / 0.05
    expect(await figures(two)).toMatchObject({ leasedUsd: '0.70', remainingUsd: '0.00' });
    expect(Number((await figures(one))?.leasedUsd)).toBeLessThanOrEqual(1);
  });

  it('stop at the cutoff, which is not the limit', async () => {
    const w = await window('10.00', { thresholds: { cutoff: 0.9 } });
    expect(await figures(w)).toMatchObject({ remainingUsd: '9.00' });
    expect((await grant('g1', ask(w.id, '9.01'))).refusal?.kind).toBe('exhausted');
    expect((await grant('g1', ask(w.id, '8.00'))).granted).toBe(true);
    expect((await grant('g2', ask(w.id, '1.01'))).refusal?.kind).toBe('held');
    expect((await grant('g2', ask(w.id, '1.00'))).granted).toBe(true);
    expect(await figures(w)).toMatchObject({ leasedUsd: '9.00', remainingUsd: '0.00' });
    const raised = budgetOf({
      id: w.budget,
      scope: { task: w.task },
      period: 'total',
      limitUsd: '10',
      thresholds: { cutoff: 0.95 },
    });
    expect((await budgets.set(raised)).window.remainingUsd).toBe('0.50');
    // Rounded down, so that the whole is never passed by a part.
    const odd = await window('0.000000007', { thresholds: { critical: 0.5, warning: 0.5, cutoff: 0.5 } });
    expect(await figures(odd)).toMatchObject({ remainingUsd: '0.000000003' });
  });

  it('cannot pass a limit even by a statement of their own', async () => {
    const w = await window('1.00');
    const sql = 'UPDATE windows SET leased_nano = leased_nano + 1000000001 WHERE id = $1';
    const failure = await watchdog.database.query(sql, [w.id]).catch((error: unknown) => error);
    expect(violatedConstraint(failure)).toBe('windows_not_overdrawn');
    await expect(watchdog.database.query('DELETE FROM entries')).rejects.toThrow('append-only');
  });
});

describe('a refusal', () => {
  const spend = (w: { id: string; task: string }, amountUsd: string) =>
    watchdog
      .get(SettlementService)
      .settle([newSpend({ task: w.task, amountUsd, holdUsd: '0', usageAt: clock.now().toISOString() })]);
  const levelOf = async ({ task }: { task: string }) => (await budgets.list({ task })).budgets[0]?.level;
  const told = (w: { budget: string }) => watchdog.facts(`budget.exhausted.${w.budget}`);

  it('for good while the level is critical exhausts the budget, once, whoever hears it', async () => {
    const other = await openWatchdog(database.url, clock);
    const w = await window('1.00', { onExhausted: 'shutdown' });
    await spend(w, '0.95');
    expect(await levelOf(w)).toBe('critical');
    const asked = [leases, other.get(LeasesService), leases].map((each, n) =>
      each.grant({ gateway: `g${n}`, windows: [ask(w.id, '0.06')] }),
    );
    for (const reply of await Promise.all(asked)) expect(reply.refusal?.kind).toBe('exhausted');
    await other.close();
    expect(await levelOf(w)).toBe('exhausted');
    expect(await told(w)).toMatchObject([{ previous: 'critical', level: 'exhausted', window: { settledUsd: '0.95' } }]);
    const latch = await watchdog.get(LatchRepository).read(watchdog.database);
    expect(latch).toMatchObject({
      active: true,
      by: `budget ${w.budget}`,
      reason: expect.stringContaining('0.95') as string,
    });
  });

  it('holds until the limit changes, whatever else is settled or set', async () => {
    const w = await window('1.00');
    await spend(w, '0.95');
    await grant('g1', ask(w.id, '0.06'));
    await spend(w, '0.01');
    const definition = { id: w.budget, scope: { task: w.task }, period: 'total' as const };
    await budgets.set(budgetOf({ ...definition, limitUsd: '1.00', onExhausted: 'block' }));
    expect(await levelOf(w)).toBe('exhausted');
    // What still fits is still granted: only the level is about the whole.
    expect((await grant('g1', ask(w.id, '0.04'))).granted).toBe(true);
    expect((await budgets.set(budgetOf({ ...definition, limitUsd: '1.01' }))).level).toBe('critical');
    expect(await told(w)).toHaveLength(1);
  });

  it('is over with its window', async () => {
    const w = await window('1.00', { period: 'day' });
    await spend(w, '0.95');
    await grant('g1', ask(w.id, '0.06'));
    expect(await levelOf(w)).toBe('exhausted');
    clock.advance(86_400_000);
    expect(await levelOf(w)).toBe('ok');
    await spend(w, '0.95');
    expect(await levelOf(w)).toBe('critical');
  });

  it('changes nothing before, nor when calls in flight have the money, nor for a call too large for any window', async () => {
    const w = await window('1.00');
    await spend(w, '0.85');
    expect((await grant('g1', ask(w.id, '0.50'))).refusal?.kind).toBe('exhausted');
    await spend(w, '0.05');
    expect(await levelOf(w)).toBe('critical');
    await grant('g1', ask(w.id, '0.08'));
    expect((await grant('g2', ask(w.id, '0.09'))).refusal?.kind).toBe('held');
    expect((await grant('g2', ask(w.id, '1.01'))).refusal?.kind).toBe('exhausted');
    expect(await levelOf(w)).toBe('critical');
  });

  it('of what a call would like tells nothing while it can do with less; with its lease counted, all', async () => {
    const w = await window('1.00');
    await grant('g1', ask(w.id, '0.06'));
    await spend(w, '0.92');
    expect((await grant('g1', ask(w.id, '0.10', '0.10', '0.06', '0.05'))).refusal?.kind).toBe('exhausted');
    expect(await levelOf(w)).toBe('critical');
    // It has 6 cents and lacks 3: nine do not fit, even if its own came back.
    expect((await grant('g1', ask(w.id, '0.03', '0.03', '0.06', '0.09'))).refusal?.kind).toBe('exhausted');
    expect(await levelOf(w)).toBe('exhausted');
  });
});

describe('returns', () => {
  it('are totals: doubled, late and too large ones change nothing more', async () => {
    const w = await window('1.00');
    await grant('g1', ask(w.id, '0.50'));
    const giveBack = async (returnedUsd: string) =>
      (await leases.giveBack({ gateway: 'g1', windows: [{ windowId: w.id, returnedUsd }] })).windows[0]?.returnedUsd;
    expect(await giveBack('0.20')).toBe('0.20');
    expect(await giveBack('0.20')).toBe('0.20');
    expect(await giveBack('0.10')).toBe('0.20');
    expect(await figures(w)).toMatchObject({ leasedUsd: '0.30' });
    expect(await giveBack('9.00')).toBe('0.50');
    expect(await figures(w)).toMatchObject({ leasedUsd: '0.00', remainingUsd: '1.00' });
    expect(await leases.giveBack({ gateway: 'nobody', windows: [{ windowId: w.id, returnedUsd: '1' }] })).toEqual({
      windows: [{ windowId: w.id, returnedUsd: '1' }],
    });
  });
});

describe('a silent gateway', () => {
  it('has its leases presumed spent, and back when it beats again', async () => {
    const w = await window('1.00');
    beat('quiet');
    await grant('quiet', ask(w.id, '0.80'));
    const judgeFor = async (ms: number, alive: string[]) => {
      for (let passed = 0; passed < ms; passed += 1_000) {
        clock.advance(1_000);
        for (const gateway of alive) beat(gateway);
        await watchdog.get(GatewaysService).judge();
      }
    };
    await judgeFor(3 * SILENCE_MS, ['quiet']);
    expect(await figures(w)).toMatchObject({ leasedUsd: '0.80', presumedUsd: '0.00' });
    await judgeFor(SILENCE_MS - 2_000, []);
    expect(await figures(w)).toMatchObject({ presumedUsd: '0.00' });
    await judgeFor(3_000, []);
    expect(await figures(w)).toMatchObject({ leasedUsd: '0.80', presumedUsd: '0.80', remainingUsd: '0.20' });
    expect((await budgets.list({ task: w.task })).budgets[0]?.level).toBe('warning');
    const alerts = await watchdog.facts('alert.warning.lease_presumed');
    expect(alerts.filter((alert) => JSON.stringify(alert).includes('"quiet"'))).toHaveLength(1);
    await judgeFor(1_000, ['quiet']);
    expect(await figures(w)).toMatchObject({ leasedUsd: '0.80', presumedUsd: '0.00' });
    expect((await budgets.list({ task: w.task })).budgets[0]?.level).toBe('ok');
  });

  it('leaves nothing to wait for in what it is presumed to have spent', async () => {
    const w = await window('1.00');
    await grant('lost', ask(w.id, '0.80'));
    expect((await grant('alive', ask(w.id, '0.30'))).refusal).toEqual({ kind: 'held', windowId: w.id });
    await watchdog.database.query(`UPDATE leases SET presumed = true, presumed_since = now() WHERE gateway = 'lost'`);
    expect((await grant('alive', ask(w.id, '0.30'))).refusal).toEqual({ kind: 'exhausted', windowId: w.id });
    expect((await grant('alive', ask(w.id, '0.20'))).granted).toBe(true);
    // Whoever asks is not lost: its calls give back what they leave over.
    expect((await grant('lost', ask(w.id, '0.10', '0.10', '0.80'))).refusal).toMatchObject({ kind: 'held' });
    // It may come back, so the window is not used up for good.
    await leases.read({ gateway: 'lost' });
    expect((await grant('alive', ask(w.id, '0.30', '0.30', '0.20'))).refusal).toMatchObject({ kind: 'held' });
  });

  it('is not judged by a watchdog that was itself away', async () => {
    const w = await window('1.00');
    await grant('unheard', ask(w.id, '0.50'));
    for (let n = 0; n < 5; n++) {
      clock.advance(60_000);
      await watchdog.get(GatewaysService).judge();
    }
    expect(await figures(w)).toMatchObject({ presumedUsd: '0.00' });
  });

  it('that starts again reads its totals, and they are no longer presumed', async () => {
    const w = await window('1.00');
    await grant('again', ask(w.id, '0.50'));
    await watchdog.database.query(`UPDATE leases SET presumed = true, presumed_since = now() WHERE gateway = 'again'`);
    await watchdog
      .get(SettlementService)
      .settle([newSpend({ gateway: 'again', task: w.task, amountUsd: '0.10', holdUsd: '0.20', windows: [w.id] })]);
    expect(await leases.read({ gateway: 'again' })).toEqual({
      releases: 0,
      windows: [{ windowId: w.id, grantedUsd: '0.50', returnedUsd: '0.00', consumedUsd: '0.10', releasedUsd: '0.00' }],
    });
    expect(await figures(w)).toMatchObject({ settledUsd: '0.10', leasedUsd: '0.40', presumedUsd: '0.00' });
  });

  it('keeps an ended window only while it holds money of it', async () => {
    const w = await window('1.00', { period: 'day' });
    await grant('over', ask(w.id, '0.50'));
    clock.advance(86_400_000);
    await watchdog.get(WindowsService).roll();
    expect((await leases.read({ gateway: 'over' })).windows).toHaveLength(1);
    await leases.giveBack({ gateway: 'over', windows: [{ windowId: w.id, returnedUsd: '0.50' }] });
    expect((await leases.read({ gateway: 'over' })).windows).toHaveLength(0);
  });
});
