import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { budgetsChanged, budgetsList, type BudgetStatus } from '@purser/contracts';
import { Clock, Log } from '@purser/service';
import { type KnownWindow, readStatus, tightened } from './known-window.js';
import { LeaseClient } from './lease-client.js';
import type { MatchedWindow } from './matched-window.js';

export interface CallScope {
  provider: string;
  project: string | null;
  key: string;
  task: string | null;
  /** The tasks that it is a part of; they go with the task. */
  ancestors?: readonly string[] | undefined;
  priority: number;
}

interface Known {
  readAt: number;
  windows: KnownWindow[];
  /** Whether it makes a difference how important a call is. */
  ranked: boolean;
  /** When the first of them is over. */
  endsAt: number;
  /** Those that a scope counts against: with thousands of budgets no call looks through all of them. */
  matched: Map<string, MatchedWindow[]>;
  /** To be read again before it is used; kept to compare. */
  stale: boolean;
}

/** How new the watchdog's budgets are. */
export interface Revisions {
  revision?: number | undefined;
  taskBudgetsRevision?: number | undefined;
}

const MAX_TASKS = 10_000;
const MAX_SCOPES = 20_000;
const READ_TIMEOUT_MS = 2_000;
/** A revision may be announced while the answer is on its way. */
const READ_TRIES = 3;
/** What the watchdog just said holds, also when its clock and ours disagree on whether a window is over. */
const TRUSTED_MS = 1_000;

const matches = (scope: BudgetStatus['scope'], call: CallScope): boolean =>
  (scope.provider === undefined || scope.provider === call.provider) &&
  (scope.project === undefined || scope.project === call.project) &&
  (scope.key === undefined || scope.key === call.key) &&
  (scope.task === undefined || scope.task === call.task || (call.ancestors?.includes(scope.task) ?? false));

const NO_TASKS: readonly string[] = [];

/** Whose own budgets a call counts against. */
const tasksOf = ({ task, ancestors = NO_TASKS }: CallScope): readonly string[] =>
  task === null ? NO_TASKS : [task, ...ancestors];

/** Neither providers, projects, keys nor tasks contain a line break. */
const nameOf = ({ provider, project, key, task }: CallScope): string => `${provider}\n${project}\n${key}\n${task}`;

const knownFrom = (windows: KnownWindow[], readAt: number, stale: boolean): Known => ({
  readAt,
  windows,
  ranked: windows.some(({ lesser }) => lesser !== undefined),
  endsAt: windows.reduce((first, { endsAt }) => Math.min(first, endsAt), Infinity),
  matched: new Map(),
  stale,
});

const seenBy = ({ priority }: CallScope, window: KnownWindow): MatchedWindow =>
  window.lesser && priority < window.lesser.reserved.minPriority ? window.lesser : window;

function matchedBy(known: Known, call: CallScope): MatchedWindow[] {
  const name = known.ranked ? `${nameOf(call)}\n${call.priority}` : nameOf(call);
  let matched = known.matched.get(name);
  if (!matched) {
    matched = known.windows.filter(({ scope }) => matches(scope, call)).map((window) => seenBy(call, window));
    if (known.matched.size >= MAX_SCOPES) known.matched.clear();
    known.matched.set(name, matched);
  }
  return matched;
}

/**
 * What this gateway knows of the budgets. It never guesses: when its copy is older than the revision that the watchdog
 * last announced, or a window in it is over, or a task's own budgets were never asked for, it asks again first. Where it
 * then finds that a limit fell, what is leased of it is put beyond use before any call sees the new copy.
 */
@Injectable()
export class BudgetBook {
  private announced = 0;
  private generalRevision = 0;
  private tasksAnnounced = 0;
  /** Up to here it is known which tasks' budgets changed. */
  private tasksSeen = 0;
  private general: Known | undefined;
  private readonly tasks = new Map<string, Known>();
  private readonly reading = new Map<string, Promise<void>>();

  constructor(
    private readonly bus: Bus,
    private readonly leases: LeaseClient,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** The watchdog said how new its budgets are. */
  announce({ revision = 0, taskBudgetsRevision = 0 }: Revisions): void {
    this.announced = Math.max(this.announced, revision);
    if (this.general && this.generalRevision < this.announced) this.general.stale = true;
    this.tasksAnnounced = Math.max(this.tasksAnnounced, taskBudgetsRevision);
  }

  /** Lets the next paid call ask: a window turned out to be over. */
  doubt(): void {
    if (this.general) this.general.stale = true;
    for (const known of this.tasks.values()) known.stale = true;
  }

  /** The windows that a call counts against, or undefined when they cannot be known now: then nothing may be paid. */
  windowsFor(call: CallScope): MatchedWindow[] | Promise<MatchedWindow[] | undefined> {
    return this.lookUp(call) ?? this.readFor(call);
  }

  private async readFor(call: CallScope): Promise<MatchedWindow[] | undefined> {
    for (let attempt = 0; ; attempt++) {
      const known = this.lookUp(call);
      if (known || attempt === READ_TRIES) return known;
      try {
        await Promise.all([
          this.isFresh(this.general) ? undefined : this.once('general', () => this.readGeneral()),
          this.refresh(tasksOf(call)),
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
    if (call.task === null) return matchedBy(general, call);
    if (this.tasksSeen < this.tasksAnnounced) return undefined;
    const own = tasksOf(call).map((task) => this.tasks.get(task));
    if (!own.every((known) => this.isFresh(known))) return undefined;
    return [general, ...own].flatMap((known) => matchedBy(known, call));
  }

  private isFresh(known: Known | undefined): known is Known {
    if (!known || known.stale) return false;
    if (this.clock.monotonic() - known.readAt < TRUSTED_MS) return true;
    return known.endsAt > this.clock.now().getTime();
  }

  private once(what: string, read: () => Promise<void>): Promise<void> {
    let reading = this.reading.get(what);
    if (!reading) {
      reading = read().finally(() => this.reading.delete(what));
      this.reading.set(what, reading);
    }
    return reading;
  }

  private async refresh(tasks: readonly string[]): Promise<void> {
    if (tasks.length === 0) return;
    if (this.tasksSeen < this.tasksAnnounced) await this.once('changes', () => this.readChanges());
    const missing = tasks.filter((task) => !this.isFresh(this.tasks.get(task)));
    await Promise.all(missing.map((task) => this.once(`task ${task}`, () => this.readTask(task))));
  }

  private async readGeneral(): Promise<void> {
    const { revision, budgets } = await this.bus.call(budgetsList, { only: 'general' }, { timeoutMs: READ_TIMEOUT_MS });
    this.announce({ revision });
    const windows = budgets.map(readStatus);
    this.withhold(this.general, windows);
    this.generalRevision = revision;
    this.general = knownFrom(windows, this.clock.monotonic(), revision < this.announced);
  }

  private async readTask(task: string): Promise<void> {
    const reply = await this.bus.call(budgetsList, { task }, { timeoutMs: READ_TIMEOUT_MS });
    const windows = reply.budgets.map(readStatus);
    this.withhold(this.tasks.get(task), windows);
    this.tasks.delete(task);
    // What changed while the answer was on its way may have been this.
    const stale = reply.taskBudgetsRevision < this.tasksSeen;
    this.tasks.set(task, knownFrom(windows, this.clock.monotonic(), stale));
    const [oldest] = this.tasks.keys();
    if (this.tasks.size <= MAX_TASKS || oldest === undefined) return;
    this.withhold(this.tasks.get(oldest), []);
    this.tasks.delete(oldest);
  }

  /** Of thousands of tasks, only those whose budgets changed are read again, and each when it is needed. */
  private async readChanges(): Promise<void> {
    if (this.tasks.size === 0) {
      this.tasksSeen = this.tasksAnnounced;
      return;
    }
    const since = { since: this.tasksSeen };
    const { taskBudgetsRevision, tasks } = await this.bus.call(budgetsChanged, since, { timeoutMs: READ_TIMEOUT_MS });
    for (const task of tasks ?? this.tasks.keys()) {
      const known = this.tasks.get(task);
      if (known) known.stale = true;
    }
    this.tasksSeen = Math.max(this.tasksSeen, taskBudgetsRevision);
  }

  private withhold(before: Known | undefined, after: readonly KnownWindow[]): void {
    const windowIds = tightened(before?.windows ?? [], after);
    if (windowIds.length > 0) this.leases.withhold(windowIds);
  }
}
