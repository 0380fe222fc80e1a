import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus, unframe } from '@purser/bus';
import {
  type Alert,
  budgetsChanged,
  budgetsDelete,
  budgetsList,
  budgetsRetire,
  budgetsSet,
  checkpointDamaged,
  costsSummary,
  emergencyReset,
  emergencyStatus,
  emergencyTrigger,
  type Latch,
  leasesGrant,
  leasesRead,
  leasesReturn,
  ledgerQuery,
  ledgerSum,
  spendRecorded,
} from '@purser/contracts';
import type { RunningService } from '@purser/service';
import { createTestDatabase, eventually, startTestNats, type TestDatabase, type TestNats } from '@purser/testing';
import { start } from './index.js';
import { newSpend } from './ledger/new-spend.fixture.js';

let nats: TestNats;
let database: TestDatabase;
let configDir: string;
let services: RunningService[] = [];
let bus: Bus;
const heard: { subject: string; data: unknown }[] = [];

const startOne = (instance: string) =>
  start({
    PURSER_NATS_URL: nats.url,
    PURSER_DATABASE_URL: database.url,
    PURSER_HOME: process.env.PURSER_TEST_RUN_DIR,
    PURSER_CONFIG_DIR: configDir,
    PURSER_INSTANCE: instance,
    PURSER_WATCHDOG_PORT: '0',
    PURSER_LOG_LEVEL: 'silent',
  });

const facts = <T>(subject: string): T[] => heard.filter((one) => one.subject === subject).map((one) => one.data as T);
const until = eventually;

beforeAll(async () => {
  configDir = await mkdtemp(join(tmpdir(), 'purser-watchdog-'));
  await writeFile(
    join(configDir, 'budgets.json'),
    JSON.stringify({ monthly_budget: { total: 100, openai: 50 }, fallback_enabled: true }),
  );
  [nats, database] = await Promise.all([startTestNats(), createTestDatabase()]);
  // Both at once, as compose may start them: one migrates and applies the file, the other finds it done.
  services = await Promise.all([startOne('one'), startOne('two')]);
  bus = await Bus.connect({ url: nats.url, service: 'model-gateway', instance: 'spec' });
  bus.connection.subscribe('>', {
    callback: (error, message) => {
      if (error || /^(_INBOX|\$)/.test(message.subject) || !message.string().startsWith('{"specversion"')) return;
      heard.push({ subject: message.subject, data: unframe(message.string(), message.subject).data });
    },
  });
  await bus.connection.flush();
});

afterAll(async () => {
  await bus?.close();
  await Promise.all(services.map((service) => service.close()));
  await Promise.all([nats?.stop(), database?.drop()]);
  await rm(configDir, { recursive: true, force: true });
});

describe('two watchdogs on one bus and one database', () => {
  it('apply the short budgets file once', async () => {
    const { budgets } = await bus.call(budgetsList, {});
    expect(budgets.map(({ id, scope, limitUsd, onExhausted }) => ({ id, scope, limitUsd, onExhausted }))).toEqual([
      { id: 'monthly-openai', scope: { provider: 'openai' }, limitUsd: '50.00', onExhausted: 'free' },
      { id: 'monthly-total', scope: {}, limitUsd: '100.00', onExhausted: 'free' },
    ]);
  });

  it('set, grant, settle, tell and delete', async () => {
    const set = await bus.call(budgetsSet, {
      id: 'task-t1',
      scope: { task: 't1' },
      period: 'total',
      limitUsd: '1.00',
      by: 'ada',
      reason: 'a test',
    });
    expect(set).toMatchObject({ level: 'ok', window: { settledUsd: '0.00', remainingUsd: '1.00', endsAt: null } });
    const { budgets, ...revisions } = await bus.call(budgetsList, { task: 't1' });
    expect(budgets).toEqual([set]);
    await until(() => {
      const beats = heard.filter(({ subject }) => subject.startsWith('heartbeat.cost-watchdog'));
      expect(beats.at(-1)?.data).toMatchObject({
        budgetsRevision: revisions.revision,
        taskBudgetsRevision: revisions.taskBudgetsRevision,
        leaseReleases: 0,
      });
    });
    expect((await bus.call(budgetsChanged, { since: 0 })).tasks).toEqual(['t1']);

    const windowId = set.window.id;
    const ask = { windowId, grantedUsd: '0', needUsd: '0.50', wantUsd: '0.60' };
    const grant = await bus.call(leasesGrant, { gateway: 'g1', windows: [ask] });
    expect(grant).toMatchObject({ granted: true, windows: [{ windowId, grantedUsd: '0.50' }] });
    expect(await bus.call(leasesGrant, { gateway: 'g2', windows: [{ ...ask, needUsd: '0.60' }] })).toMatchObject({
      granted: false,
      refusal: { kind: 'held', windowId },
    });
    await until(() => {
      expect(facts<object>('leases.recall')).toContainEqual({
        windowIds: [windowId],
        exceptGateway: 'g2',
        ...revisions,
        leaseReleases: 0,
      });
    });

    const priceRow = 'prices.json:openai/gpt-test@2026-11-01';
    const amounts = { amountUsd: '0.76', holdUsd: '0.50', windows: [windowId], priceRow };
    const spend = newSpend({ gateway: 'g1', task: 't1', ...amounts });
    await bus.publish(spendRecorded, spend.provider, { spends: [spend] }, spend.attemptId);
    await bus.publish(spendRecorded, spend.provider, { spends: [spend] }, `${spend.attemptId}-again`);
    await until(async () => {
      const [budget] = (await bus.call(budgetsList, { task: 't1' })).budgets;
      expect(budget).toMatchObject({ level: 'warning', window: { settledUsd: '0.76', leasedUsd: '0.00' } });
    });
    const { sums } = await bus.call(ledgerSum, { by: 'task', ids: ['t1', 't2'] });
    expect(sums).toEqual([
      { id: 't1', amountUsd: '0.76', inputTokens: 100, outputTokens: 20, requests: 1 },
      { id: 't2', amountUsd: '0.00', inputTokens: 0, outputTokens: 0, requests: 0 },
    ]);
    const { entries } = await bus.call(ledgerQuery, { task: 't1' });
    expect(entries).toMatchObject([{ attemptId: spend.attemptId, amountUsd: '0.76', priceRow, source: 'metered' }]);
    expect(await bus.call(costsSummary, {})).toMatchObject({ monthUsd: '0.76', byProvider: [{ requests: 1 }] });

    // Whoever may tell what VMs of one provider cost may not tell it of another one.
    const attemptId = `${'0f'.repeat(16)}-m4x`;
    const vm = newSpend({ attemptId, task: 't-vm', amountUsd: '0.00', holdUsd: '0.00' });
    await bus.publish(spendRecorded, 'gcp', { spends: [{ ...vm, provider: 'openai' }] }, vm.attemptId);
    await until(async () => {
      const told = await bus.call(ledgerQuery, { task: 't-vm' });
      expect(told.entries).toMatchObject([{ attemptId: vm.attemptId, provider: 'gcp' }]);
    });

    expect(await bus.call(leasesRead, { gateway: 'g1' })).toEqual({
      releases: 0,
      windows: [{ windowId, grantedUsd: '0.50', returnedUsd: '0.00', consumedUsd: '0.50', releasedUsd: '0.00' }],
    });
    const returned = { windowId, returnedUsd: '0.40' };
    expect(await bus.call(leasesReturn, { gateway: 'g1', windows: [returned] })).toEqual({
      windows: [{ windowId, returnedUsd: '0.00' }],
    });

    await until(() => {
      expect(facts('budget.warning.task-t1')).toHaveLength(1);
      expect(facts<Alert>('alert.warning.budget_warning')).toHaveLength(1);
    });
    const refused = bus.call(budgetsDelete, { id: 'task-t1' });
    await expect(refused).rejects.toMatchObject({ code: 'conflict', details: { task: 't1' } });
    expect(await bus.call(budgetsRetire, { task: 't1' })).toEqual({ id: 'task-t1', deleted: true });
    expect(await bus.call(budgetsRetire, { task: 't1' })).toEqual({ id: 'task-t1', deleted: false });
    expect((await bus.call(leasesGrant, { gateway: 'g1', windows: [ask] })).refusal?.kind).toBe('closed');
    expect(facts('budget.warning.task-t1')).toHaveLength(1);
  });

  it('set and clear the latch in every store, and keep who acknowledged', async () => {
    const set = await bus.call(emergencyTrigger, { by: 'ada', reason: 'a drill' });
    expect(set).toMatchObject({ serial: 1, active: true, by: 'ada' });
    expect(await bus.call(emergencyTrigger, { by: 'bob', reason: 'me too' })).toEqual(set);
    expect(await bus.read('emergency', 'latch')).toEqual(set);
    await until(async () => {
      const { latch, acknowledgements } = await bus.call(emergencyStatus, {});
      expect(latch).toEqual(set);
      expect(acknowledgements.map(({ instance }) => instance).sort()).toEqual(['one', 'two']);
      expect(facts<Alert>('alert.critical.emergency')).toHaveLength(1);
    });
    expect(new Set(facts<Latch>('emergency.shutdown').map((latch) => JSON.stringify(latch)))).toEqual(
      new Set([JSON.stringify(set)]),
    );

    const cleared = await bus.call(emergencyReset, { by: 'ada', reason: 'the drill is over' });
    expect(cleared).toMatchObject({ serial: 1, active: false, by: 'ada' });
    expect(await bus.read('emergency', 'latch')).toEqual(cleared);
    await until(() => {
      expect(facts<Latch>('emergency.cleared')).toContainEqual(cleared);
      const beats = heard.filter(({ subject }) => subject.startsWith('heartbeat.cost-watchdog'));
      expect(beats.at(-1)?.data).toMatchObject({ latch: cleared });
    });
  });

  it('sound a spike, which a reset ends for good', async () => {
    const spend = newSpend({ provider: 'openai', amountUsd: '25.00', windows: [] });
    await bus.publish(spendRecorded, spend.provider, { spends: [spend] }, spend.attemptId);
    await until(async () => {
      expect((await bus.call(emergencyStatus, {})).latch).toMatchObject({ serial: 2, active: true, by: 'spike rule' });
      expect(facts<Alert>('alert.critical.spike')[0]).toMatchObject({
        details: { budgetId: 'monthly-total', spentUsd: '25.00', allowedUsd: '20.00' },
      });
    });
    await bus.call(emergencyReset, { by: 'ada', reason: 'it was a test' });
    // A settled batch is followed by a look at the rule, so this entry proves that it was looked at again.
    const small = newSpend({ amountUsd: '0.01', windows: [] });
    await bus.publish(spendRecorded, small.provider, { spends: [small] }, small.attemptId);
    await until(async () => {
      expect((await bus.call(ledgerQuery, { limit: 1 })).entries[0]?.attemptId).toBe(small.attemptId);
    });
    const beats = heard.length;
    await until(() => {
      const later = heard.slice(beats).filter(({ subject }) => subject.startsWith('heartbeat.cost-watchdog'));
      expect(later.length).toBeGreaterThan(3);
    });
    expect((await bus.call(emergencyStatus, {})).latch).toMatchObject({ serial: 2, active: false });
    expect(facts('alert.critical.spike')).toHaveLength(1);
  });

  it('keep out what cannot be, and go on', async () => {
    const bad = newSpend({ amountUsd: '-1.00' });
    const good = newSpend({ amountUsd: '0.00' });
    for (const spend of [bad, good])
      await bus.publish(spendRecorded, spend.provider, { spends: [spend] }, spend.attemptId);
    await until(async () => {
      expect((await bus.call(ledgerQuery, { limit: 1 })).entries[0]?.attemptId).toBe(good.attemptId);
      expect(facts<Alert>('alert.warning.spend_refused')).toMatchObject([{ details: { attemptId: bad.attemptId } }]);
    });
    bus.connection.publish('spend.recorded.openai', 'not JSON');
    await until(() => {
      expect(facts<Alert>('alert.warning.dead_letter')).toMatchObject([
        { details: { subject: 'spend.recorded.openai' } },
      ]);
    });
  });

  it('tell of a checkpoint that is not what was saved', async () => {
    const [digest, found] = ['sha256:saved', 'sha256:read'];
    await bus.publish(checkpointDamaged, 'nightly', { taskId: 'nightly', epoch: 3, number: 7, digest, found });
    await until(() => {
      expect(facts<Alert>('alert.warning.checkpoint_damaged')).toMatchObject([
        { details: { taskId: 'nightly', epoch: 3, number: 7, digest, found } },
      ]);
    });
  });

  it('tell their figures', async () => {
    const pages = await Promise.all(services.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()));
    expect(pages[0]).toMatch(/purser_budget_limit_usd\{budget="monthly-total".*\} 100/);
    expect(pages[0]).toMatch(/purser_budget_reserved_usd\{budget="monthly-total".*\} 0\n/);
    const spent = pages.join('\n').matchAll(/^purser_spend_usd_total\{provider="openai".*\} (\S+)$/gm);
    expect([...spent].map(([, value]) => Number(value)).reduce((a, b) => a + b, 0)).toBeCloseTo(25.77);
  });
});
