import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { sessionsForget } from '@purser/contracts';
import { CONFIG, Log, Metrics } from '@purser/service';
import type { Config } from '../config.js';
import { type EndState, RetentionRepository } from './retention.repository.js';

const END_STATES: readonly EndState[] = ['completed', 'failed', 'cancelled'];
const BATCH = 200;
/** Batches of one kind in a round, so that others get their turn; a round that did not finish is followed by one soon. */
const BATCHES = 25;
const EVERY_MS = 300_000;
const SOON_MS = 1_000;
const FORGET_MS = 10_000;

type Settings = Pick<Config, 'PURSER_TASK_RETENTION_DAYS' | 'PURSER_TASK_RETENTION'>;

/** Keeps the hot tables small: what ended long ago goes into the archive, or goes. */
@Injectable()
export class Retention implements OnApplicationBootstrap, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<unknown> = Promise.resolve();
  private stopped = false;
  private readonly archived;
  private readonly forgotten;

  constructor(
    private readonly repository: RetentionRepository,
    private readonly bus: Bus,
    private readonly log: Log,
    metrics: Metrics,
    @Inject(CONFIG) private readonly config: Settings,
  ) {
    this.archived = metrics.counter(
      'purser_tasks_archived_total',
      'Finished tasks that this instance moved out of the hot tables.',
    );
    this.forgotten = metrics.counter(
      'purser_tasks_forgotten_total',
      'Archived tasks whose checkpoints, handoffs and logs this instance had deleted.',
    );
  }

  onApplicationBootstrap(): void {
    if (this.config.PURSER_TASK_RETENTION_DAYS > 0) this.schedule(EVERY_MS * (0.5 + Math.random()));
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  /** One round. Never rejects. @returns whether there is more to do at once */
  async round(): Promise<boolean> {
    try {
      const removed = await this.repeat(() => this.removeSome());
      const copied = await this.copyAll();
      const forgot = await this.repeat(() => this.forgetSome());
      return removed || copied || forgot;
    } catch (error) {
      this.log.warn({ error }, 'tasks that ended long ago could not be archived; trying on');
      return false;
    }
  }

  private schedule(afterMs: number): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.running = this.round().then((more) => this.schedule(more ? SOON_MS : EVERY_MS));
    }, afterMs);
  }

  /** Until one batch was not full. @returns whether it ended before that */
  private async repeat(batch: () => Promise<number>): Promise<boolean> {
    for (let done = 0; done < BATCHES && !this.stopped; done++) if ((await batch()) < BATCH) return false;
    return !this.stopped;
  }

  private async copyAll(): Promise<boolean> {
    let cut = false;
    for (const state of END_STATES) {
      let after = 0n;
      let copied = 0;
      while (!this.stopped && copied < BATCH * BATCHES) {
        const looked = await this.repository.copy(state, after, this.config.PURSER_TASK_RETENTION_DAYS, BATCH);
        copied += looked.copied;
        if (looked.next === undefined) break;
        after = looked.next;
      }
      cut ||= copied >= BATCH * BATCHES;
    }
    return cut;
  }

  private async removeSome(): Promise<number> {
    const { removed, kept } = await this.repository.remove(BATCH);
    this.archived.inc(removed);
    return removed + kept;
  }

  /** Whenever a runner is there to do it; the hot tables do not wait for that. */
  private async forgetSome(): Promise<number> {
    const ids = this.bus.connected ? await this.repository.toForget(BATCH) : [];
    if (ids.length === 0) return 0;
    try {
      await this.bus.call(sessionsForget, { ids }, { timeoutMs: FORGET_MS });
    } catch (error) {
      this.log.debug(
        { error, tasks: ids.length },
        'no runner deleted what archived tasks left; a later round asks again',
      );
      return 0;
    }
    await this.repository.forgotten(ids, this.config.PURSER_TASK_RETENTION === 'archive');
    this.forgotten.inc(ids.length);
    return ids.length;
  }
}
