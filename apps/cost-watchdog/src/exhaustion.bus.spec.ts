import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus, unframe } from '@purser/bus';
import {
  type Alert,
  type BudgetInput,
  budgetsList,
  budgetsSet,
  emergencyReset,
  emergencyStatus,
  leasesGrant,
  spendRecorded,
} from '@purser/contracts';
import { formatUsd, maxNano, type Nano, parseUsd } from '@purser/money';
import type { RunningService } from '@purser/service';
import { createTestDatabase, eventually, startTestNats, type TestDatabase, type TestNats } from '@purser/testing';
import { start } from './index.js';
import { newSpend } from './ledger/new-spend.fixture.js';

let nats: TestNats;
let database: TestDatabase;
let service: RunningService;
let bus: Bus;
const heard: { subject: string; data: unknown }[] = [];

beforeAll(async () => {
  [nats, database] = await Promise.all([startTestNats(), createTestDatabase()]);
  service = await start({
    PURSER_NATS_URL: nats.url,
    PURSER_DATABASE_URL: database.url,
    PURSER_HOME: process.env.PURSER_TEST_RUN_DIR,
    PURSER_CONFIG_DIR: join(tmpdir(), `purser-no-config-${randomUUID()}`),
    PURSER_WATCHDOG_PORT: '0',
    PURSER_LOG_LEVEL: 'silent',
  });
  bus = await Bus.connect({ url: nats.url, service: 'model-gateway', instance: 'g1' });
  for (const subject of ['budget.>', 'alert.>', 'emergency.>'])
    bus.connection.subscribe(subject, {
      callback: (_error, message) => {
        if (!message.string().startsWith('{"specversion"')) return;
        heard.push({ subject: message.subject, data: unframe(message.string(), message.subject).data });
      },
    });
  await bus.connection.flush();
});

afterAll(async () => {
  await bus?.close();
  await service?.close();
  await Promise.all([nats?.stop(), database?.drop()]);
});

/** One gateway with one call after the other, each held at more than it costs; what is left of a hold serves the next. */
class Caller {
  private granted = 0n;
  private consumed = 0n;

  constructor(
    private readonly task: string,
    private readonly windowId: string,
  ) {}

  /** Undefined when the call went through. */
  async call(hold: Nano, cost: Nano): Promise<string | undefined> {
    const { windowId } = this;
    const need = maxNano(0n, hold - (this.granted - this.consumed));
    const { granted, windows, refusal } = await bus.call(leasesGrant, {
      gateway: 'g1',
      windows: [
        {
          windowId,
          grantedUsd: formatUsd(this.granted),
          needUsd: formatUsd(need),
          wantUsd: formatUsd(need),
          leastUsd: formatUsd(hold),
        },
      ],
    });
    this.granted = parseUsd(windows[0]?.grantedUsd ?? '0');
    if (!granted) return refusal?.kind;
    this.consumed += cost;
    const amounts = { amountUsd: formatUsd(cost), holdUsd: formatUsd(hold) };
    const spend = newSpend({ task: this.task, windows: [windowId], ...amounts });
    await bus.publish(spendRecorded, spend.provider, { spends: [spend] }, spend.attemptId);
    await eventually(async () => {
      const [budget] = (await bus.call(budgetsList, { task: this.task })).budgets;
      expect(budget?.window.settledUsd).toBe(formatUsd(this.consumed));
    });
    return undefined;
  }
}

const facts = (subject: string) => heard.filter((one) => one.subject === subject).map(({ data }) => data);
const open = async (task: string, more: Partial<BudgetInput> = {}) => {
  const budget = { id: task, scope: { task }, period: 'total' as const, limitUsd: '1.00', by: 'ada', ...more };
  return new Caller(task, (await bus.call(budgetsSet, budget)).window.id);
};
const levelOf = async (task: string) => (await bus.call(budgetsList, { task })).budgets[0]?.level;
const cents = (n: number): Nano => parseUsd((n / 100).toFixed(2));

it('is reached by calls that cost less than they hold, and shuts down where the budget says so', async () => {
  const caller = await open('night', { onExhausted: 'shutdown' });
  // 19 calls of 5 cents, each held at 8: the 20th does not fit, though 5 cents are left.
  let calls = 0;
  let refusal: Awaited<ReturnType<Caller['call']>>;
  while ((refusal = await caller.call(cents(8), cents(5))) === undefined && calls < 25) calls += 1;
  expect([calls, refusal]).toEqual([19, 'exhausted']);
  await eventually(async () => {
    expect(facts('budget.exhausted.night')).toMatchObject([{ previous: 'critical', window: { settledUsd: '0.95' } }]);
    expect(facts('alert.critical.budget_exhausted')).toMatchObject([
      { title: 'Budget night is exhausted: $0.95 of $1.00' } satisfies Partial<Alert>,
    ]);
    expect(facts('emergency.shutdown')).toMatchObject([{ active: true, by: 'budget night' }]);
    expect((await bus.call(emergencyStatus, {})).latch).toMatchObject({ active: true, by: 'budget night' });
  });
  // The refusals that follow are no news, also not to somebody who has cleared the emergency.
  await bus.call(emergencyReset, { by: 'ada', reason: 'a spec' });
  expect(await caller.call(cents(8), cents(5))).toBe('exhausted');
  expect((await bus.call(emergencyStatus, {})).latch).toMatchObject({ active: false });
  expect(await levelOf('night')).toBe('exhausted');
});

it('is not reached by one large call early on, and comes at the cutoff, not at the limit', async () => {
  const caller = await open('large', { thresholds: { warning: 0.5, critical: 0.6, cutoff: 0.7 } });
  expect(await caller.call(cents(50), cents(45))).toBeUndefined();
  expect(await caller.call(cents(30), cents(30))).toBe('exhausted');
  expect(await levelOf('large')).toBe('ok');
  expect(await caller.call(cents(20), cents(20))).toBeUndefined();
  expect(await levelOf('large')).toBe('critical');
  expect(await caller.call(cents(5), cents(5))).toBeUndefined();
  expect(await levelOf('large')).toBe('exhausted');
  expect(await caller.call(cents(1), cents(1))).toBe('exhausted');
  await eventually(() =>
    expect(facts('budget.exhausted.large')).toMatchObject([{ limitUsd: '1.00', window: { settledUsd: '0.70' } }]),
  );
});
