import type { Alert, CostSourceStatus } from '@purser/contracts';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { BudgetsService } from '../budgets/budgets.service.js';
import { budgetOf, HandClock, LEDGER_TEMPLATE, openWatchdog, type TestWatchdog } from '../watchdog.fixture.js';
import { WindowsService } from '../windows/windows.service.js';
import { ConfiguredSources } from './configured-sources.js';
import { SourcePoller } from './poller.service.js';
import { ScriptedSource } from './scripted-source.fixture.js';
import { SourcesService } from './sources.service.js';

export interface SourceEntry {
  amount: bigint;
  source: string;
  provider: string;
  model: string;
  usage_at: Date;
  finality: string;
}

/** A watchdog with one source, `books`, at 10 o'clock on 20 November. */
export class SourceBench {
  readonly source = new ScriptedSource();
  readonly clock = new HandClock(new Date('2026-11-20T10:00:00Z'));
  private readonly others: TestWatchdog[] = [];

  private constructor(private readonly database: TestDatabase) {}

  watchdog!: TestWatchdog;

  static async open(): Promise<SourceBench> {
    const bench = new SourceBench(await createTestDatabase({ template: LEDGER_TEMPLATE }));
    bench.watchdog = await openWatchdog(bench.database.url, bench.clock);
    bench.configure();
    return bench;
  }

  configure(books: 'auto' | 'add' | 'reconcile' = 'auto', one = this.watchdog, source = this.source): void {
    one.get(ConfiguredSources).all = [{ name: 'books', use: './books.mjs', source, books, meteredServices: [] }];
  }

  /** A second watchdog on the same database. */
  async another(source = this.source): Promise<TestWatchdog> {
    const other = await openWatchdog(this.database.url, this.clock);
    this.configure('auto', other, source);
    this.others.push(other);
    return other;
  }

  async poll(one = this.watchdog): Promise<void> {
    await one.get(SourcePoller).poll();
    await one.get(SourcePoller).idle();
  }

  /** Time goes by, and it is asked again. */
  async later(ms: number): Promise<void> {
    this.clock.advance(ms);
    await this.poll();
  }

  async budget(given: Partial<Parameters<typeof budgetOf>[0]> = {}): Promise<void> {
    await this.watchdog.get(BudgetsService).set(budgetOf({ id: 'b', period: 'month', limitUsd: '100', ...given }));
  }

  async window(id = 'b') {
    await this.watchdog.get(WindowsService).roll();
    const { budgets } = await this.watchdog.get(BudgetsService).list({});
    return budgets.find((one) => one.id === id)?.window;
  }

  async spent(id = 'b'): Promise<string | undefined> {
    return (await this.window(id))?.settledUsd;
  }

  /** Oldest first, in cents. */
  entries(): Promise<SourceEntry[]> {
    return this.watchdog.database.query(
      `SELECT amount_nano / 10000000 AS amount, source, provider, model, usage_at, finality FROM entries ORDER BY seq`,
    );
  }

  async cents(): Promise<string[]> {
    return (await this.entries()).map(({ amount, source }) => `${source} ${amount}`);
  }

  async status(): Promise<CostSourceStatus | undefined> {
    return (await this.watchdog.get(SourcesService).list())[0];
  }

  async alerts(kind: string, severity = 'warning'): Promise<Alert[]> {
    return (await this.watchdog.facts(`alert.${severity}.${kind}`)) as Alert[];
  }

  async close(): Promise<void> {
    for (const other of this.others) await other.close();
    await this.watchdog.close();
    await this.database.drop();
  }
}
