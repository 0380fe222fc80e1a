import type { Abstract, Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Bus } from '@purser/bus';
import type { BudgetStatus, Spend } from '@purser/contracts';
import { CreateOutbox1700000000000, Database, type Sql } from '@purser/database';
import { type Nano, parseUsd } from '@purser/money';
import type { ComputeDriver } from '@purser/plugin-sdk';
import { Clock, CONFIG, EmergencyStop, HeartbeatPublisher, Latch, Log, Outbox, parseConfig } from '@purser/service';
import { VM_PROVIDERS } from './vms/parts.js';
import { Config } from './config.js';
import { MIGRATIONS } from './migrations/index.js';
import { Billing } from './money/billing.service.js';
import { NO_PRICES, VmPrices } from './money/vm-prices.js';
import { type Grant, WatchdogDesk } from './money/watchdog-desk.js';
import { Reaper } from './reaping/reaper.service.js';
import { Strays } from './reaping/strays.service.js';
import { Crash } from './scripted-platform.fixture.js';
import { ActiveDriver } from './vms/active-driver.js';
import { Reconciler } from './vms/reconciler.service.js';
import { VM_CREDENTIALS, type VmCredentials } from './vms/vm-credentials.js';
import { VmsService, type VmWish } from './vms/vms.service.js';

const options = { schema: 'offload', migrations: [CreateOutbox1700000000000, ...MIGRATIONS], applicationName: 'spec' };

/** For createTestDatabase. */
export const OFFLOAD_TEMPLATE = {
  name: 'offload-manager',
  build: async (url: string): Promise<void> => (await Database.open({ ...options, url })).close(),
};

export const openOffload = (url: string): Promise<Database> => Database.open({ ...options, url });

/** A clock that a spec moves. Both times move together. */
export class HandClock extends Clock {
  private at = Date.parse('2026-03-01T10:00:00Z');

  now(): Date {
    return new Date(this.at);
  }

  monotonic(): number {
    return this.at;
  }

  advance(ms: number): void {
    this.at += ms;
  }
}

/** A watchdog with one budget, as far as leases go: totals, all or nothing, the same name once. */
export class DeskFake {
  readonly leases = new Map<string, { granted: Nano; returned: Nano }>();

  constructor(
    public limit: Nano,
    private readonly crash = new Crash(),
  ) {}

  /** What VMs keep from others. */
  get held(): Nano {
    let sum = 0n;
    for (const { granted, returned } of this.leases.values()) sum += granted - returned;
    return sum;
  }

  seenBy(crash: Crash): DeskFake {
    const other = new DeskFake(this.limit, crash);
    return Object.assign(other, { leases: this.leases });
  }

  budgets(): Promise<BudgetStatus[]> {
    return this.call(() => [{ id: 'vms', scope: {}, window: { id: '7' } } as BudgetStatus]);
  }

  grant(gateway: string, _windows: readonly string[], amount: Nano): Promise<Grant> {
    return this.call((): Grant => {
      if (this.leases.has(gateway)) return { ok: true };
      if (this.held + amount > this.limit) return { ok: false, kind: 'exhausted', windowId: '7' };
      this.leases.set(gateway, { granted: amount, returned: 0n });
      return { ok: true };
    });
  }

  giveBack(gateway: string, _windows: readonly string[], amount: Nano): Promise<void> {
    return this.call(() => {
      const lease = this.leases.get(gateway);
      if (lease && amount > lease.returned) lease.returned = amount;
    });
  }

  private call<T>(work: () => T): Promise<T> {
    return new Promise((resolve) => {
      this.crash.step();
      const result = work();
      this.crash.step();
      resolve(result);
    });
  }
}

/** The database as a process that dies at a step sees it: before a statement, and after it was done. */
function mortal(database: Database, crash: Crash): Database {
  const within = (sql: Sql): Sql => ({
    query: async <Row>(text: string, parameters?: unknown[], name?: string) => {
      crash.step();
      const rows = await sql.query<Row>(text, parameters, name);
      crash.step();
      return rows;
    },
  });
  const query = within(database).query;
  const transaction = async <T>(work: (tx: Sql) => Promise<T>) => {
    crash.step();
    const result = await database.transaction((tx) => work(within(tx)));
    crash.step();
    return result;
  };
  const whileUnchanged: Database['whileUnchanged'] = (_, read) => read;
  const changing: Database['changing'] = (_, write) => write();
  return { query, transaction, whileUnchanged, changing } as unknown as Database;
}

export const WISH: VmWish = {
  component: 'llm',
  machineType: 'small',
  spot: true,
  memoryMb: 1_024,
  diskGb: 10,
  startup: { component: { image: 'llm:1', command: [], env: {} }, agent: { image: 'agent:1', env: {} } },
};

export interface Surroundings {
  database: Database;
  clock: HandClock;
  drivers: (crash: Crash) => ComputeDriver[];
  desk: DeskFake;
  env?: Record<string, string>;
  crash?: Crash;
  credentials?: VmCredentials;
  /** None are known when left out, and traffic is free: the settings count. */
  prices?: VmPrices;
}

export interface TestManager {
  get<T>(token: Type<T> | Abstract<T>): T;
  /** VMs whose agents say nothing. */
  mute: Set<string>;
  /** What happens by the clock, once. Never rejects: a process that died does nothing more. */
  round(): Promise<void>;
  /** So often, with so much time between. */
  rounds(count: number, ms: number): Promise<void>;
  close(): Promise<void>;
}

const FREE_TRAFFIC: VmPrices = { ...NO_PRICES, egressRateFor: () => ({ nanoPerGb: 0n, row: 'a spec' }) };

const CREDENTIALS: VmCredentials = {
  check: () => Promise.resolve(),
  issue: (vmId) => Promise.resolve({ VM: vmId }),
  revoke: () => Promise.resolve(),
};

const quiet = () => undefined;
const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => log };

/** One life of a manager, without a bus: what it tells stays in the outbox. */
export async function openManager(around: Surroundings): Promise<TestManager> {
  const { clock, desk, env = {}, crash = new Crash(), credentials = CREDENTIALS, prices = FREE_TRAFFIC } = around;
  const database = mortal(around.database, crash);
  const config = parseConfig(Config, {
    PURSER_NATS_URL: 'nats://127.0.0.1:1',
    PURSER_DATABASE_URL: 'postgres://127.0.0.1:1/none',
    GCP_VM_TYPE: 'small',
    MAX_VM_LIFETIME_HOURS: '1',
    ORPHANED_VM_MAX_AGE_HOURS: '0',
    CLEANUP_CHECK_INTERVAL_HOURS: '0.1',
    ...env,
  });
  const bus = { connected: true, origin: { service: 'offload-manager', instance: 'spec' } } as unknown as Bus;
  const latch = new Latch(clock);
  const clear = () => latch.observe({ serial: 0, active: false, by: '', reason: '', at: '' }, true);
  clear();
  const module = await Test.createTestingModule({
    providers: [
      ...VM_PROVIDERS,
      EmergencyStop,
      { provide: Database, useValue: database },
      { provide: Bus, useValue: bus },
      { provide: Clock, useValue: clock },
      { provide: Log, useValue: log },
      { provide: Latch, useValue: latch },
      { provide: CONFIG, useValue: config },
      { provide: Outbox, useValue: new Outbox(database, { ...bus, connected: false } as Bus, log) },
      { provide: HeartbeatPublisher, useValue: { carry: quiet } },
      { provide: VmPrices, useValue: prices },
      { provide: VM_CREDENTIALS, useValue: credentials },
    ],
  })
    .overrideProvider(WatchdogDesk)
    .useValue(desk.seenBy(crash))
    .compile();
  const drivers = around.drivers(crash);
  module.get(ActiveDriver).use(drivers, drivers[0], 'a spec');
  const reconciler = module.get(Reconciler);
  const mute = new Set<string>();
  const round = async () => {
    clear();
    await reconciler.sweep().catch(quiet);
    await reconciler.settled();
    for (const { id, createdAt, state } of await module
      .get(VmsService)
      .list()
      .catch(() => []))
      if (createdAt !== null && state !== 'deleting' && !mute.has(id))
        await module.get(VmsService).agentHeard(id, clock.now(), true).catch(quiet);
    await module.get(Reaper).sweep().catch(quiet);
    await module.get(Strays).watch().catch(quiet);
    await module.get(Billing).sweep().catch(quiet);
  };
  return {
    get: (token) => module.get(token),
    mute,
    round,
    async rounds(count, ms) {
      for (let i = 0; i < count; i++) {
        await round();
        clock.advance(ms);
      }
    },
    close: () => module.close(),
  };
}

/** What was told to the ledger, each attempt once. */
export async function spendOf(database: Database): Promise<Nano> {
  const rows = await database.query<{ event: string }>(`SELECT event FROM outbox WHERE subject LIKE 'spend.%'`);
  const attempts = new Map<string, Nano>();
  for (const { event } of rows)
    for (const spend of (JSON.parse(event) as { data: { spends: Spend[] } }).data.spends)
      attempts.set(spend.attemptId, parseUsd(spend.amountUsd));
  return [...attempts.values()].reduce((sum, one) => sum + one, 0n);
}
