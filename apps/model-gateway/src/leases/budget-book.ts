import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { budgetsList, type BudgetStatus } from '@purser/contracts';
import { type Nano, parseUsd } from '@purser/money';
import { Clock, Log } from '@purser/service';

export interface CallScope {
  provider: string;
  project: string | null;
  key: string;
  task: string | null;
}

/** A window that a call counts against. */
export interface MatchedWindow {
  id: string;
  budgetId: string;
  /** What may be granted: the budget's limit times its cutoff. */
  limit: Nano;
  /** As the ledger had it when the budgets were read. */
  settled: Nano;
  /** A rolling window's spend also falls by itself, so nothing can be concluded from `settled`. */
  rolling: boolean;
  endsAt: number;
  blocks: boolean;
}

interface Known {
  revision: number;
  readAt: number;
  windows: (MatchedWindow & { scope: BudgetStatus['scope'] })[];
}

const MAX_TASKS = 10_000;
const READ_TIMEOUT_MS = 2_000;
/** A revision may be announced while the answer is on its way. */
const READ_TRIES = 3;
/** What the watchdog just said holds, also when its clock and ours disagree on whether a window is over. */
const TRUSTED_MS = 1_000;

const matches = (scope: BudgetStatus['scope'], call: CallScope): boolean =>
  (scope.provider === undefined || scope.provider === call.provider) &&
  (scope.project === undefined || scope.project === call.project) &&
  (scope.key === undefined || scope.key === call.key) &&
  (scope.task === undefined || scope.task === call.task);

function readStatus(budget: BudgetStatus): Known['windows'][number] {
  return {
    id: budget.window.id,
    budgetId: budget.id,
    limit: (parseUsd(budget.limitUsd) * BigInt(Math.round(budget.thresholds.cutoff * 1e9))) / 1_000_000_000n,
    settled: parseUsd(budget.window.settledUsd),
    rolling: typeof budget.period === 'object',
    endsAt: budget.window.endsAt === null ? Infinity : Date.parse(budget.window.endsAt),
    blocks: budget.onExhausted === 'block',
    scope: budget.scope,
  };
}

/**
 * What this gateway knows of the budgets. It never guesses: when its copy is older than the revision that the watchdog
 * last announced, or a window in it is over, or a task's own budgets were never asked for, it asks again first.
 */
@Injectable()
export class BudgetBook {
  private announced = 0;
  private general: Known | undefined;
  private readonly tasks = new Map<string, Known>();
  private readonly reading = new Map<string, Promise<void>>();

  constructor(
    private readonly bus: Bus,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** The watchdog said how new its budgets are. */
  announce(revision: number): void {
    this.announced = Math.max(this.announced, revision);
  }

  /** Drops what is known, so that the next paid call asks: a window turned out to be over. */
  doubt(): void {
    this.general = undefined;
    this.tasks.clear();
  }

  /** The windows that a call counts against, or undefined when they cannot be known now: then nothing may be paid. */
  async windowsFor(call: CallScope): Promise<MatchedWindow[] | undefined> {
    for (let attempt = 0; ; attempt++) {
      const known = this.lookUp(call);
      if (known || attempt === READ_TRIES) return known;
      try {
        await Promise.all([
          this.isFresh(this.general) ? undefined : this.read(undefined),
          call.task === null || this.isFresh(this.tasks.get(call.task)) ? undefined : this.read(call.task),
        ]);
      } catch (error) {
        this.log.debug({ error }, 'the budgets could not be read');
        return undefined;
      }
    }
  }

  private lookUp(call: CallScope): MatchedWindow[] | undefined {
    const { general } = this;
    if (!this.isFresh(general)) return undefined;
    if (call.task === null) return general.windows.filter(({ scope }) => matches(scope, call));
    const own = this.tasks.get(call.task);
    if (!this.isFresh(own)) return undefined;
    return [...general.windows, ...own.windows].filter(({ scope }) => matches(scope, call));
  }

  private isFresh(known: Known | undefined): known is Known {
    if (!known || known.revision < this.announced) return false;
    if (this.clock.monotonic() - known.readAt < TRUSTED_MS) return true;
    const now = this.clock.now().getTime();
    return known.windows.every(({ endsAt }) => endsAt > now);
  }

  private read(task: string | undefined): Promise<void> {
    const id = task ?? '';
    let reading = this.reading.get(id);
    if (!reading) {
      reading = this.fetch(task).finally(() => this.reading.delete(id));
      this.reading.set(id, reading);
    }
    return reading;
  }

  private async fetch(task: string | undefined): Promise<void> {
    const request = task === undefined ? {} : { task };
    const { revision, budgets } = await this.bus.call(budgetsList, request, { timeoutMs: READ_TIMEOUT_MS });
    this.announce(revision);
    const windows = budgets.filter(({ scope }) => scope.task === task).map(readStatus);
    const known = { revision, readAt: this.clock.monotonic(), windows };
    if (task === undefined) {
      this.general = known;
      return;
    }
    this.tasks.delete(task);
    this.tasks.set(task, known);
    const [oldest] = this.tasks.keys();
    if (this.tasks.size > MAX_TASKS && oldest !== undefined) this.tasks.delete(oldest);
  }
}
