import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { BudgetsService } from '../budgets/budgets.service.js';
import { newSpend } from '../ledger/new-spend.fixture.js';
import { SettlementService } from '../ledger/settlement.service.js';
import { budgetOf, HandClock, LEDGER_TEMPLATE, openWatchdog, type TestWatchdog } from '../watchdog.fixture.js';
import { GatewaysService } from './gateways.service.js';
import { LeasesRepository } from './leases.repository.js';
import { LeasesService } from './leases.service.js';
import { LOST_FOR_MS, LostGateways } from './lost-gateways.service.js';
import { Presence, SILENCE_MS } from './presence.js';
import { ReleasesService } from './releases.service.js';

let database: TestDatabase;
let watchdog: TestWatchdog;
let leases: LeasesService;
let releases: ReleasesService;
const clock = new HandClock(new Date('2026-11-23T10:00:00Z'));
/** Heard every second. */
const alive = new Set<string>();

beforeEach(async () => {
  alive.clear();
  database = await createTestDatabase({ template: LEDGER_TEMPLATE });
  watchdog = await openWatchdog(database.url, clock);
  leases = watchdog.get(LeasesService);
  releases = watchdog.get(ReleasesService);
});

afterEach(async () => {
  await watchdog?.close();
  await database?.drop();
});

const windowOf = async (id: string, limitUsd: string, period: Parameters<typeof budgetOf>[0]['period'] = 'total') =>
  (await watchdog.get(BudgetsService).set(budgetOf({ id, period, limitUsd }))).window.id;
const figures = async (id = 'b') =>
  (await watchdog.get(BudgetsService).list({})).budgets.find((budget) => budget.id === id)?.window;
const pass = async (ms: number) => {
  for (let passed = 0; passed < ms; passed += 1_000) {
    clock.advance(1_000);
    const at = clock.now().toISOString();
    for (const instance of alive)
      watchdog.get(Presence).hear({ service: 'model-gateway', instance, version: '1', startedAt: at, at });
    await watchdog.get(GatewaysService).judge();
  }
};
const grant = (gateway: string, windowId: string, needUsd: string, grantedUsd = '0', known?: number) =>
  leases.grant({
    gateway,
    windows: [{ windowId, grantedUsd, needUsd, wantUsd: needUsd }],
    ...(known === undefined ? {} : { releases: known }),
  });
const settle = (gateway: string, windowId: string, amountUsd: string, holdUsd = amountUsd) =>
  watchdog.get(SettlementService).settle([newSpend({ gateway, windows: [windowId], amountUsd, holdUsd })]);
const giveBack = (gateway: string, windowId: string, returnedUsd: string) =>
  leases.giveBack({ gateway, windows: [{ windowId, returnedUsd }] });
const release = (gateway = 'lost') => releases.release({ gateway, by: 'ada', reason: 'its disk burnt' });
const untilReleasable = () => pass(3 * SILENCE_MS + LOST_FOR_MS);

/** `lost` held 60 cents of a dollar for ever, and 20 of them are spent by what the ledger knows. */
async function loseOne(): Promise<string> {
  const windowId = await windowOf('b', '1.00');
  await grant('lost', windowId, '0.60');
  await settle('lost', windowId, '0.20');
  await untilReleasable();
  expect(await figures()).toMatchObject({ leasedUsd: '0.40', presumedUsd: '0.40', remainingUsd: '0.40' });
  return windowId;
}

describe('what a lost gateway holds', () => {
  it('is listed, is given back by a person, once, and it is kept who did it, when, why and how much', async () => {
    const windowId = await loseOne();
    const listed = { gateway: 'lost', windowId, budgetId: 'b', amountUsd: '0.40' };
    const before = await watchdog.get(LostGateways).list({ limit: 10 });
    expect(before).toMatchObject({ presumed: [listed], releases: [] });
    const since = Date.parse(before.presumed[0]?.lostSince ?? '');
    expect(clock.now().getTime() - since).toBeGreaterThanOrEqual(LOST_FOR_MS);
    const at = clock.now().toISOString();
    const record = { ...before.presumed[0], by: 'ada', reason: 'its disk burnt', at };
    expect(await release()).toEqual({ gateway: 'lost', released: [record] });
    expect(await figures()).toMatchObject({
      settledUsd: '0.20',
      leasedUsd: '0.00',
      presumedUsd: '0.00',
      remainingUsd: '0.80',
    });
    await pass(5_000);
    expect(await release()).toEqual({ gateway: 'lost', released: [] });
    expect(await watchdog.get(LostGateways).list({ limit: 10 })).toEqual({ presumed: [], releases: [record] });
    expect(await watchdog.facts('alert.info.lease_released')).toHaveLength(1);
    expect(watchdog.published.at(-1)).toMatchObject({
      subject: 'leases.recall',
      data: { windowIds: [windowId], leaseReleases: 1 },
    });
    // Its gateway is to know of it also when nothing more is granted there.
    await watchdog.get(BudgetsService).delete({ id: 'b', by: 'ada', reason: '' });
    expect((await leases.read({ gateway: 'lost' })).windows).toMatchObject([{ windowId, releasedUsd: '0.40' }]);
  });

  it('brings the level down when it goes back', async () => {
    const windowId = await windowOf('b', '1.00');
    await grant('lost', windowId, '0.80');
    await untilReleasable();
    const level = async () => (await watchdog.get(BudgetsService).list({})).budgets[0]?.level;
    expect(await level()).toBe('warning');
    await release();
    expect(await level()).toBe('ok');
  });

  it('is left out where its window is over', async () => {
    const day = await windowOf('day', '1.00', 'day');
    const rolling = await windowOf('rolling', '1.00', { hours: 2 });
    for (const windowId of [day, rolling]) await grant('lost', windowId, '0.10');
    clock.advance(86_400_000);
    await untilReleasable();
    const { presumed } = await watchdog.get(LostGateways).list({ limit: 10 });
    expect(presumed.map(({ budgetId }) => budgetId)).toEqual(['rolling']);
    expect((await release()).released.map(({ budgetId }) => budgetId)).toEqual(['rolling']);
  });

  it('stays while the gateway is alive, was heard lately, is unknown, or nobody can tell', async () => {
    const windowId = await windowOf('b', '1.00');
    await grant('lost', windowId, '0.60');
    alive.add('lost');
    await pass(3 * SILENCE_MS);
    const conflict = (state: string) => ({ code: 'conflict', details: { gateway: 'lost', state } });
    await expect(release()).rejects.toMatchObject(conflict('alive'));
    alive.clear();
    await pass(SILENCE_MS - 2_000);
    await expect(release()).rejects.toMatchObject(conflict('alive'));
    await pass(3_000);
    expect(await figures()).toMatchObject({ presumedUsd: '0.60' });
    await expect(release()).rejects.toMatchObject(conflict('silent'));
    await pass(LOST_FOR_MS - 3_000);
    await expect(release()).rejects.toMatchObject(conflict('silent'));
    // This watchdog was away itself.
    clock.advance(60_000);
    await expect(release()).rejects.toMatchObject({ code: 'unavailable' });
    // Another one, which has just started, knows of the mark but has heard nobody.
    const other = await openWatchdog(database.url, clock);
    const asked = other.get(ReleasesService).release({ gateway: 'lost', by: 'ada', reason: 'a spec' });
    await expect(asked).rejects.toMatchObject({ code: 'unavailable' });
    await other.close();
    await expect(release('never-seen')).rejects.toMatchObject({ code: 'not_found' });
    expect(await figures()).toMatchObject({ leasedUsd: '0.60' });
    await pass(2 * SILENCE_MS);
    expect((await release()).released).toHaveLength(1);
  });

  it('stays when the gateway is heard again, also of what it had before', async () => {
    await loseOne();
    alive.add('lost');
    await pass(1_000);
    expect(await figures()).toMatchObject({ leasedUsd: '0.40', presumedUsd: '0.00' });
    await expect(release()).rejects.toMatchObject({ code: 'conflict' });
    alive.clear();
    await pass(SILENCE_MS + 1_000);
    // Silent once more: the time begins anew.
    await expect(release()).rejects.toMatchObject({ code: 'conflict', details: { state: 'silent' } });
    await pass(LOST_FOR_MS);
    expect((await release()).released).toMatchObject([{ amountUsd: '0.40' }]);
  });

  it('stays when the gateway came back and fell silent again while the release waited', async () => {
    const windowId = await loseOne();
    const { reply } = await watchdog.database.transaction(async (tx) => {
      await tx.query('SELECT FROM windows WHERE id = $1 FOR UPDATE', [windowId]);
      const reply = release();
      await watchdog.waiting(1);
      const marks = watchdog.get(LeasesRepository);
      await marks.areBack(tx, [BigInt(windowId)], ['lost']);
      expect(await marks.presume(tx, [BigInt(windowId)], [], clock.now())).toHaveLength(1);
      return { reply };
    });
    await expect(reply).rejects.toMatchObject({ code: 'conflict', details: { state: 'silent' } });
    expect(await figures()).toMatchObject({ presumedUsd: '0.40' });
  });

  it('is numbered in the order in which it is committed, also of several gateways at once', async () => {
    for (const gateway of ['one', 'two']) await grant(gateway, await windowOf(gateway, '1.00'), '0.10');
    await untilReleasable();
    const last = async () => (await watchdog.database.query('SELECT last_value AS n FROM lease_releases_seq_seq'))[0];
    const { one, two } = await watchdog.database.transaction(async (tx) => {
      // The first one has its number and cannot end yet.
      await tx.query('LOCK TABLE outbox IN EXCLUSIVE MODE');
      const one = release('one');
      await watchdog.waiting(1);
      const two = release('two');
      await watchdog.waiting(2);
      expect(await last()).toEqual({ n: 1n });
      return { one: { reply: one }, two: { reply: two } };
    });
    expect((await one.reply).released).toHaveLength(1);
    expect((await two.reply).released).toHaveLength(1);
    expect((await leases.read({ gateway: 'one' })).releases).toBe(2);
  });

  it('goes back once, however many people decide at once', async () => {
    await loseOne();
    const replies = await Promise.all([release(), release(), release()]);
    expect(replies.flatMap(({ released }) => released)).toHaveLength(1);
    expect(await figures()).toMatchObject({ leasedUsd: '0.00' });
  });
});

describe('a gateway that comes back after its leases were released', () => {
  it('has its settlements recorded in full, and none of its old lease', async () => {
    const windowId = await loseOne();
    await release();
    // Somebody else gets all that is left.
    expect((await grant('other', windowId, '0.80')).granted).toBe(true);
    for (const gateway of ['other', 'lost']) alive.add(gateway);
    await pass(1_000);
    expect(await figures()).toMatchObject({ leasedUsd: '0.80', presumedUsd: '0.00' });
    expect(await grant('lost', windowId, '0.01', '0.60')).toMatchObject({
      granted: false,
      refusal: { kind: 'released', windowId },
    });
    expect(await leases.read({ gateway: 'lost' })).toEqual({
      releases: 1,
      windows: [{ windowId, grantedUsd: '0.60', returnedUsd: '0.00', consumedUsd: '0.20', releasedUsd: '0.40' }],
    });
    // Its journal knows of a call for 25 cents, which in the end pushes the budget over its limit: nobody could know.
    await settle('lost', windowId, '0.25');
    expect(await figures()).toMatchObject({ settledUsd: '0.45', leasedUsd: '0.80', remainingUsd: '0.00' });
    await giveBack('lost', windowId, '0.15');
    expect(await figures()).toMatchObject({ settledUsd: '0.45', leasedUsd: '0.80' });
    // Nothing is granted beyond the limit to make up for it.
    expect((await grant('lost', windowId, '0.01', '0.60', 1)).refusal?.kind).toBe('held');
    expect((await leases.read({ gateway: 'lost' })).windows).toEqual([
      { windowId, grantedUsd: '0.60', returnedUsd: '0.15', consumedUsd: '0.45', releasedUsd: '0.00' },
    ]);
  });

  it('keeps what it is granted from then on, whatever it tells of the time before', async () => {
    const windowId = await loseOne();
    await release();
    await leases.read({ gateway: 'lost' });
    expect(await grant('lost', windowId, '0.50', '0.60', 1)).toMatchObject({
      granted: true,
      windows: [{ windowId, grantedUsd: '1.10' }],
    });
    // A call of the old time, what that left over, and a doubled message.
    await settle('lost', windowId, '0.10', '0.30');
    await giveBack('lost', windowId, '0.20');
    await giveBack('lost', windowId, '0.20');
    expect(await figures()).toMatchObject({ settledUsd: '0.30', leasedUsd: '0.50', remainingUsd: '0.20' });
    // Of the old 40 cents ten are not accounted for: so much of the new ones stays set aside longer than it had to.
    await settle('lost', windowId, '0.30');
    expect(await figures()).toMatchObject({ settledUsd: '0.60', leasedUsd: '0.30' });
    await giveBack('lost', windowId, '0.30');
    expect(await figures()).toMatchObject({ settledUsd: '0.60', leasedUsd: '0.20', remainingUsd: '0.20' });
    await giveBack('lost', windowId, '0.50');
    expect(await figures()).toMatchObject({ settledUsd: '0.60', leasedUsd: '0.00', remainingUsd: '0.40' });
  });

  it('gives back of the new money no more than it says, in a return that is partly of the old', async () => {
    const windowId = await loseOne();
    await release();
    await leases.read({ gateway: 'lost' });
    await grant('lost', windowId, '0.50', '0.60', 1);
    await giveBack('lost', windowId, '0.55');
    expect(await figures()).toMatchObject({ settledUsd: '0.20', leasedUsd: '0.35', remainingUsd: '0.45' });
    await settle('lost', windowId, '0.35');
    expect(await figures()).toMatchObject({ settledUsd: '0.55', leasedUsd: '0.00', remainingUsd: '0.45' });
  });

  it('is not told that an unheard grant of the old time is its own', async () => {
    const windowId = await windowOf('b', '1.00');
    await grant('lost', windowId, '0.60');
    await untilReleasable();
    // The request for a grant is under way when the release is committed: both wait for the window.
    const { first: released, second: asked } = await watchdog.database.transaction(async (tx) => {
      await tx.query('SELECT FROM windows WHERE id = $1 FOR UPDATE', [windowId]);
      const first = release();
      await watchdog.waiting(1);
      const second = grant('lost', windowId, '0.10', '0.50');
      await watchdog.waiting(2);
      return { first: { reply: first }, second: { reply: second } };
    });
    expect((await released.reply).released).toHaveLength(1);
    expect((await asked.reply).refusal?.kind).toBe('released');
    expect(await figures()).toMatchObject({ leasedUsd: '0.00' });
  });

  it('may be lost and released a second time', async () => {
    const windowId = await loseOne();
    await release();
    await leases.read({ gateway: 'lost' });
    await grant('lost', windowId, '0.10', '0.60', 1);
    await untilReleasable();
    expect((await release()).released).toMatchObject([{ amountUsd: '0.10' }]);
    expect((await grant('lost', windowId, '0.10', '0.70', 1)).refusal?.kind).toBe('released');
    expect(await leases.read({ gateway: 'lost' })).toMatchObject({ releases: 2, windows: [{ releasedUsd: '0.50' }] });
    expect((await grant('lost', windowId, '0.10', '0.70', 2)).granted).toBe(true);
  });
});
