import type { BudgetReserve } from '@purser/contracts';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { BudgetsService } from '../budgets/budgets.service.js';
import { newSpend } from '../ledger/new-spend.fixture.js';
import { SettlementService } from '../ledger/settlement.service.js';
import { budgetOf, HandClock, LEDGER_TEMPLATE, openWatchdog, type TestWatchdog } from '../watchdog.fixture.js';
import { LeasesService } from './leases.service.js';

let database: TestDatabase;
let watchdog: TestWatchdog;
let leases: LeasesService;
let budgets: BudgetsService;
let count = 0;

beforeAll(async () => {
  database = await createTestDatabase({ template: LEDGER_TEMPLATE });
  watchdog = await openWatchdog(database.url, new HandClock(new Date('2026-11-23T10:00:00Z')));
  leases = watchdog.get(LeasesService);
  budgets = watchdog.get(BudgetsService);
});

afterAll(async () => {
  await watchdog?.close();
  await database?.drop();
});

async function window(limitUsd: string, extra: { reserve?: BudgetReserve }) {
  count += 1;
  const project = `p${count}`;
  const definition = budgetOf({ id: `b${count}`, scope: { project }, period: 'total', limitUsd, ...extra });
  const status = await budgets.set(definition);
  return { id: status.window.id, project, budget: status.id };
}
const reserved = (limitUsd = '1.00', reserve: BudgetReserve = { share: 0.4, minPriority: 8 }) =>
  window(limitUsd, { reserve });

const ask = (windowId: string, needUsd: string, wantUsd = needUsd, grantedUsd = '0', leastUsd = needUsd) => ({
  windowId,
  grantedUsd,
  needUsd,
  wantUsd,
  leastUsd,
});
const of = (priority: number, gateway: string, ...windows: ReturnType<typeof ask>[]) =>
  leases.grant({ gateway, priority, windows });
const remaining = async ({ budget }: { budget: string }) =>
  (await budgets.list({})).budgets.find(({ id }) => id === budget)?.window;

describe('grants of a budget with a reserve', () => {
  it('stop before it for calls of a lower priority, whoever has leased the rest', async () => {
    const w = await reserved();
    expect(await remaining(w)).toMatchObject({ reservedUsd: '0.40', remainingUsd: '1.00', unreservedUsd: '0.60' });
    expect(await of(7, 'g1', ask(w.id, '0.61'))).toMatchObject({ granted: false, refusal: { kind: 'exhausted' } });
    expect(await of(8, 'g1', ask(w.id, '0.50'))).toMatchObject({ granted: true, windows: [{ reserveIntact: true }] });
    expect(await of(7, 'g2', ask(w.id, '0.20'))).toMatchObject({ granted: false, refusal: { kind: 'held' } });
    expect(await of(7, 'g2', ask(w.id, '0.10'))).toMatchObject({ granted: true, windows: [{ reserveIntact: true }] });
    expect(await remaining(w)).toMatchObject({ remainingUsd: '0.40', unreservedUsd: '0.00' });
    // The last part is for the important ones, to the cent.
    expect(await of(8, 'g1', ask(w.id, '0.40', '0.40', '0.50'))).toMatchObject({
      granted: true,
      windows: [{ grantedUsd: '0.90', reserveIntact: false }],
    });
    expect(await of(9, 'g2', ask(w.id, '0.01', '0.01', '0.10'))).toMatchObject({ refusal: { kind: 'held' } });
  });

  it('tell whoever has enough whether that may still be used, and call back what important calls hold', async () => {
    const w = await reserved();
    expect(await of(5, 'g1', ask(w.id, '0.20'))).toMatchObject({ granted: true });
    const again = ask(w.id, '0', '0', '0.20', '0.05');
    expect(await of(5, 'g1', again)).toMatchObject({
      granted: true,
      windows: [{ grantedUsd: '0.20', reserveIntact: true }],
    });
    await of(8, 'g2', ask(w.id, '0.50'));
    const before = watchdog.published.length;
    expect(await of(5, 'g1', again)).toMatchObject({
      granted: false,
      refusal: { kind: 'held' },
      windows: [{ grantedUsd: '0.20', reserveIntact: false }],
    });
    // From the one that asks, too: what it holds for important calls is in the way.
    expect(watchdog.published.slice(before).map(({ data }) => data)).toMatchObject([{ windowIds: [w.id] }]);
    expect(watchdog.published.at(-1)?.data).not.toHaveProperty('exceptGateway');
    const spent = { project: w.project, amountUsd: '0.50', holdUsd: '0.50', windows: [w.id], gateway: 'g2' };
    await watchdog.get(SettlementService).settle([newSpend(spent)]);
    // 0.10 are left of what is not reserved.
    expect(await of(5, 'g1', ask(w.id, '0', '0', '0.20', '0.15'))).toMatchObject({ refusal: { kind: 'exhausted' } });
    expect(await of(8, 'g1', ask(w.id, '0', '0', '0.20', '0.15'))).toMatchObject({ granted: true });
    await leases.giveBack({ gateway: 'g1', windows: [{ windowId: w.id, returnedUsd: '0.20' }] });
    expect(await of(5, 'g1', ask(w.id, '0.10', '0.10', '0.20'))).toMatchObject({ granted: true });
  });

  it('take the standard priority for who says none, and leave budgets without one as they are', async () => {
    const forAll = await reserved('1.00', { amountUsd: '0.90', minPriority: 5 });
    const kept = await reserved('1.00', { amountUsd: '0.90', minPriority: 6 });
    expect(await leases.grant({ gateway: 'g1', windows: [ask(forAll.id, '0.50')] })).toMatchObject({ granted: true });
    expect(await leases.grant({ gateway: 'g1', windows: [ask(kept.id, '0.50')] })).toMatchObject({ granted: false });
    const plain = await window('1.00', {});
    const reply = await of(0, 'g1', ask(plain.id, '1.00'));
    expect(reply.windows).toMatchObject([{ grantedUsd: '1.00' }]);
    expect(reply.windows[0]).not.toHaveProperty('reserveIntact');
  });

  it('do not take the budget for used up when a lesser call is refused', async () => {
    const w = await reserved('1.00', { share: 0.05, minPriority: 8 });
    const spent = { project: w.project, amountUsd: '0.92', windows: [w.id] };
    await watchdog.get(SettlementService).settle([newSpend(spent)]);
    expect(await of(5, 'g1', ask(w.id, '0.04'))).toMatchObject({ refusal: { kind: 'exhausted' } });
    const level = async () => (await budgets.list({})).budgets.find(({ id }) => id === w.budget)?.level;
    expect(await level()).toBe('critical');
    expect(await of(8, 'g1', ask(w.id, '0.04'))).toMatchObject({ granted: true });
    expect(await of(8, 'g1', ask(w.id, '0.10', '0.10', '0.04'))).toMatchObject({ refusal: { kind: 'exhausted' } });
    expect(await level()).toBe('exhausted');
  });

  it('follow a reserve that is changed', async () => {
    const w = await reserved();
    const { id, project } = { id: w.budget, project: w.project };
    const set = (reserve?: BudgetReserve) =>
      budgets.set(
        budgetOf({ id, scope: { project }, period: 'total', limitUsd: '2', ...(reserve ? { reserve } : {}) }),
      );
    expect((await set({ share: 0.4, minPriority: 8 })).window).toMatchObject({ reservedUsd: '0.80' });
    expect((await set({ amountUsd: '1.90', minPriority: 8 })).window).toMatchObject({ unreservedUsd: '0.10' });
    expect(await of(7, 'g1', ask(w.id, '0.20'))).toMatchObject({ granted: false });
    // More than there is: all of it.
    expect((await set({ amountUsd: '5', minPriority: 3 })).window).toMatchObject({ reservedUsd: '2.00' });
    const none = await set();
    expect([none.reserve, none.window.reservedUsd, none.window.unreservedUsd]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(await of(0, 'g1', ask(w.id, '0.20'))).toMatchObject({ granted: true });
  });

  it('never pass it, whoever asks at once', async () => {
    const w = await reserved('1.00', { share: 0.3, minPriority: 8 });
    const asked = Array.from({ length: 40 }, (_, n) => of(n % 2 ? 9 : 4, `g${n}`, ask(w.id, '0.04')));
    const lesser = (await Promise.all(asked)).filter(({ granted }, n) => granted && n % 2 === 0).length;
    const { leasedUsd = '' } = (await remaining(w)) ?? {};
    expect(Number(leasedUsd)).toBeGreaterThan(0.79);
    expect(lesser).toBeLessThanOrEqual(17);
    // What is left for lesser calls depends on who came first; together they never reached into it.
    expect(await of(4, 'late', ask(w.id, '0.04'))).toMatchObject({ granted: false });
  });
});
