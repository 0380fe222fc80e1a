import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus, unframe } from '@purser/bus';
import {
  Budget,
  type BudgetInput,
  type BudgetLevel,
  type BudgetStatus,
  type FinishOutcome,
  type RequestInput,
  type SessionMeasures,
  tasksCreate,
  workClaim,
  workFinish,
} from '@purser/contracts';
import { adminKeyFile, type RunningService } from '@purser/service';
// Test code that several specs share; the build leaves it out.
import { createTestDatabase, eventually, startTestNats, type TestDatabase, type TestNats } from '@purser/testing';
import { start } from '../index.js';
import { StandInWatchdog } from '../stand-in-watchdog.fixture.js';

const RUNNER = 'r1';

/** For specs: the whole app on a real nats-server and Postgres, with a stand-in for the watchdog and the spec as its runner. */
export class LiveOrchestrator {
  readonly facts: { subject: string; data: Record<string, unknown> }[] = [];

  private constructor(
    readonly nats: TestNats,
    readonly database: TestDatabase,
    readonly bus: Bus,
    readonly watchdog: StandInWatchdog,
    readonly service: RunningService,
    private readonly home: string,
  ) {}

  static async open(spent: Record<string, string> = {}): Promise<LiveOrchestrator> {
    const [nats, database, home] = await Promise.all([
      startTestNats(),
      createTestDatabase(),
      mkdtemp(join(tmpdir(), 'purser-orchestrator-')),
    ]);
    const bus = await Bus.connect({ url: nats.url, service: 'tools', instance: 'spec' });
    await bus.ensureStreams();
    const watchdog = new StandInWatchdog(bus, spent);
    const service = await start({
      PURSER_NATS_URL: nats.url,
      PURSER_DATABASE_URL: database.url,
      PURSER_HOME: home,
      PURSER_API_PORT: '0',
      PURSER_LOG_LEVEL: 'silent',
      PURSER_LEASE_MS: '60000',
    });
    await watchdog.beat();
    const live = new LiveOrchestrator(nats, database, bus, watchdog, service, home);
    bus.connection.subscribe('task.>', {
      callback: (_error, message) => {
        const { data } = unframe(message.string(), message.subject);
        live.facts.push({ subject: message.subject, data: data as Record<string, unknown> });
      },
    });
    await bus.connection.flush();
    return live;
  }

  create(spec: Partial<RequestInput<typeof tasksCreate>>) {
    return this.bus.call(tasksCreate, { executor: 'command', input: {}, ...spec });
  }

  /** Those that are handed out now. */
  async claim(executor = 'command') {
    const asked = { requestId: randomUUID(), runner: RUNNER, slots: 100, executors: [executor] };
    return (await this.bus.call(workClaim, asked)).assignments;
  }

  /** As soon as it is handed out. */
  started(taskId: string, executor = 'command') {
    return eventually(async () => {
      const found = (await this.claim(executor)).find((one) => one.taskId === taskId);
      return found ?? Promise.reject(new Error(`${taskId} is not handed out`));
    });
  }

  finish(
    { taskId, epoch }: { taskId: string; epoch: number },
    outcome: FinishOutcome,
    more: { checkpoint?: { number: number; digest: string }; measures?: SessionMeasures } = {},
  ) {
    return this.bus.call(workFinish, { requestId: randomUUID(), runner: RUNNER, taskId, epoch, outcome, ...more });
  }

  async get(path: string, accept = 'application/json'): Promise<Response> {
    const key = (await readFile(adminKeyFile(this.home), 'utf8')).trim();
    return fetch(`${this.service.url}${path}`, { headers: { authorization: `Bearer ${key}`, accept } });
  }

  async close(): Promise<void> {
    this.watchdog.stop();
    await this.service.close();
    await this.bus.close();
    await Promise.all([this.nats.stop(), this.database.drop()]);
    await rm(this.home, { recursive: true, force: true });
  }
}

/** As `budgets.list` tells of it. */
export function statusOf(
  input: BudgetInput,
  level: BudgetLevel,
  settledUsd: string,
  endsAt: string | null,
): BudgetStatus {
  const budget = Budget.parse(input);
  const remainingUsd = (Number(budget.limitUsd) - Number(settledUsd)).toFixed(6);
  const window = { id: '1', startsAt: '2026-11-01T00:00:00Z', endsAt, settledUsd, leasedUsd: '0', presumedUsd: '0' };
  return { ...budget, level, window: { ...window, remainingUsd } };
}
