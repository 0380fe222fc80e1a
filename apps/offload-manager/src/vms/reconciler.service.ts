import { Inject, Injectable } from '@nestjs/common';
import { Clock, CONFIG, Log } from '@purser/service';
import type { Config } from '../config.js';
import { PACE } from './pace.js';
import { VmRecords } from './vm-records.js';
import type { VmRow } from './vm-row.js';
import { VmRules } from './vm-rules.js';
import { VmSteps } from './vm-steps.js';

interface Turn {
  /** The next look, by the monotonic clock. */
  at: number;
  failures: number;
  rev: number;
}

/** Takes every VM that is not over a step on, again and again; after a crash it is what finishes or undoes. */
@Injectable()
export class Reconciler {
  private readonly turns = new Map<string, Turn>();
  private readonly running = new Map<string, { work: Promise<void>; cut: AbortController }>();
  private readonly stopping = new AbortController();

  constructor(
    private readonly records: VmRecords,
    private readonly steps: VmSteps,
    private readonly rules: VmRules,
    private readonly clock: Clock,
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** One round: starts what is due, side by side, and waits for none that takes long. */
  async sweep(): Promise<void> {
    const rows = await this.records.open();
    this.rules.looked();
    const open = new Set(rows.map(({ id }) => id));
    for (const id of this.turns.keys()) if (!open.has(id)) this.turns.delete(id);
    for (const row of rows) if (this.isDue(row)) void this.take(row);
  }

  /** All that is under way. */
  async settled(): Promise<void> {
    await Promise.all([...this.running.values()].map(({ work }) => work));
  }

  /** Now, whatever was planned; a call that is under way for it is given up. For one that is to be deleted. */
  async hurry(id: string): Promise<void> {
    const before = this.running.get(id);
    before?.cut.abort();
    await before?.work;
    const row = await this.records.get(id);
    if (row) await this.take(row);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.settled();
  }

  private isDue({ id, rev }: VmRow): boolean {
    if (this.running.has(id) || this.stopping.signal.aborted) return false;
    const turn = this.turns.get(id);
    if (turn === undefined || turn.at <= this.clock.monotonic()) return true;
    // A change is followed at once; but a step that failed may have changed the row itself.
    return turn.rev !== rev && turn.failures === 0;
  }

  private take(row: VmRow): Promise<void> {
    const { id } = row;
    const cut = new AbortController();
    const work = this.step(row, AbortSignal.any([cut.signal, this.stopping.signal])).finally(() => {
      if (this.running.get(id)?.cut === cut) this.running.delete(id);
    });
    this.running.set(id, { work, cut });
    return work;
  }

  private async step(row: VmRow, signal: AbortSignal): Promise<void> {
    const { id, name, state, rev } = row;
    const failures = this.turns.get(id)?.failures ?? 0;
    try {
      await this.steps.step(row, signal);
      this.turns.set(id, { at: this.clock.monotonic() + this.pauseOf(row), failures: 0, rev });
    } catch (error) {
      const wait = Math.min(PACE.mostRetryMs, PACE.retryMs * 2 ** Math.min(failures, 10));
      this.turns.set(id, { at: this.clock.monotonic() + wait, failures: failures + 1, rev });
      if (!signal.aborted) this.log.warn({ error, vm: name, state }, 'a VM could not be taken a step on; trying on');
    }
  }

  private pauseOf({ state, created_at: createdAt }: VmRow): number {
    const settled = state === 'ready' || state === 'draining' || (state === 'creating' && createdAt !== null);
    return settled ? this.config.HEALTH_CHECK_INTERVAL_SECONDS * 1_000 : PACE.retryMs;
  }
}
