import type { Abstract, Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Bus } from '@purser/bus';
import { BudgetInput, Budget, type CloudEvent, type Fact, leasesRecall } from '@purser/contracts';
import { CreateOutbox1700000000000, Database } from '@purser/database';
import { Clock, Latch, Log, Metrics, Outbox } from '@purser/service';
import { ALERTS_FILE, AlertsFile } from './alerts/alerts-file.js';
import { RULES } from './app.module.js';
import { BUDGETS_FILE, type BudgetsFile } from './budgets/budgets-file.js';
import { MIGRATIONS } from './migrations/index.js';
import { SPEND_THRESHOLDS, thresholdsOf } from './notices/spend-thresholds.js';
import type { z } from 'zod';

/** A clock that a spec moves. Both times move together. */
export class HandClock extends Clock {
  constructor(private at: Date) {
    super();
  }

  now(): Date {
    return new Date(this.at);
  }

  monotonic(): number {
    return this.at.getTime();
  }

  advance(ms: number): void {
    this.at = new Date(this.at.getTime() + ms);
  }

  set(at: string): void {
    this.at = new Date(at);
  }
}

const options = { schema: 'ledger', migrations: [CreateOutbox1700000000000, ...MIGRATIONS], applicationName: 'spec' };

/** For createTestDatabase. */
export const LEDGER_TEMPLATE = {
  name: 'cost-watchdog',
  build: async (url: string): Promise<void> => (await Database.open({ ...options, url })).close(),
};

export interface TestWatchdog {
  database: Database;
  clock: HandClock;
  get<T>(token: Type<T> | Abstract<T>): T;
  /** What went to the outbox, oldest first: there is no bus here, so nothing leaves it. */
  facts(subject: string): Promise<unknown[]>;
  /** What went past the outbox: recalls, and nothing else. */
  readonly published: { subject: string; data: unknown }[];
  /** Resolves once so many requests wait for a lock in this database, or it is `over`. */
  waiting(count: number, over?: () => boolean): Promise<void>;
  close(): Promise<void>;
}

/** The rules of the service on a real database, with a clock in hand and without a bus. */
export async function openWatchdog(
  url: string,
  clock: HandClock,
  file: Partial<BudgetsFile> = {},
  alerts: z.input<typeof AlertsFile> = {},
): Promise<TestWatchdog> {
  const database = await Database.open({ ...options, url });
  const published: TestWatchdog['published'] = [];
  const bus = {
    connected: true,
    origin: { service: 'cost-watchdog', instance: 'spec' },
    publish: (fact: Fact, _id: unknown, data: unknown) =>
      fact.name === leasesRecall.name
        ? Promise.resolve(published.push({ subject: fact.name, data }))
        : Promise.reject(new Error('there is no bus')),
  } as unknown as Bus;
  const quiet = () => undefined;
  const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => log };
  const module = await Test.createTestingModule({
    providers: [
      ...RULES,
      { provide: Outbox, useValue: new Outbox(database, { ...bus, connected: false } as Bus, log) },
      { provide: Database, useValue: database },
      { provide: Bus, useValue: bus },
      { provide: Clock, useValue: clock },
      { provide: Log, useValue: log },
      { provide: Latch, useValue: new Latch(clock) },
      { provide: Metrics, useValue: new Metrics('cost-watchdog') },
      { provide: ALERTS_FILE, useValue: AlertsFile.parse(alerts) },
      {
        provide: SPEND_THRESHOLDS,
        useValue: thresholdsOf({ COST_ALERT_DAILY: '1.00', COST_ALERT_WEEKLY: '5.00', COST_ALERT_MONTHLY: '20.00' }),
      },
      {
        provide: BUDGETS_FILE,
        useValue: { path: 'budgets.json', found: false, budgets: [], spikeRules: [], ...file } satisfies BudgetsFile,
      },
    ],
  }).compile();
  return {
    database,
    clock,
    published,
    get: (token) => module.get(token),
    async facts(subject) {
      const rows = await database.query<{ event: string }>('SELECT event FROM outbox WHERE subject = $1 ORDER BY seq', [
        subject,
      ]);
      return rows.map(({ event }) => (JSON.parse(event) as CloudEvent).data);
    },
    async waiting(count, over = () => false) {
      for (let waiting = 0; waiting < count && !over();) {
        const [row] = await database.query<{ n: bigint }>(
          `SELECT count(*) AS n FROM pg_locks WHERE NOT granted
              AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())`,
        );
        waiting = Number(row?.n ?? 0n);
      }
    },
    async close() {
      await module.close();
      await database.close();
    },
  };
}

/** As budgets.set takes it. */
export const budgetOf = (input: BudgetInput) => ({ ...Budget.parse(input), by: 'ada', reason: 'a spec' });
