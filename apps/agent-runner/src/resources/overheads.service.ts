import { Injectable } from '@nestjs/common';
import { Clock, Log } from '@purser/service';
import type { Session } from '../sessions/session.js';
import { Metering } from './metering.service.js';
import { overheadFigures } from './overhead.js';
import { OverheadsRepository } from './overheads.repository.js';

/** The ledger has a call within a second. */
const SETTLE_MS = 1_500;
const OF_TASK = 20;
const OF_EXECUTOR = 50;

/** Learns what handing over and resuming cost, and tells each session what to expect. */
@Injectable()
export class Overheads {
  private readonly known = new WeakSet<Session>();
  private readonly settling = new Set<NodeJS.Timeout>();
  private readonly saving = new Set<Promise<void>>();

  constructor(
    private readonly overheads: OverheadsRepository,
    private readonly metering: Metering,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** The same session again is nothing new. */
  watch(session: Session): void {
    if (this.known.has(session)) return;
    this.known.add(session);
    void this.expect(session);
    void session.ended.then(() => this.settle(session));
  }

  /** What was not settled yet is not learnt. */
  async stop(): Promise<void> {
    for (const timer of this.settling) clearTimeout(timer);
    await Promise.all(this.saving);
  }

  private async expect({ meter, assignment: { taskId, executor } }: Session): Promise<void> {
    try {
      const [own, like] = await Promise.all([
        this.overheads.ofTask(taskId, OF_TASK),
        this.overheads.ofExecutor(executor, OF_EXECUTOR),
      ]);
      meter.overhead = overheadFigures(own, like);
    } catch (error) {
      this.log.debug({ error, taskId }, 'what handing over costs is not known; the usual thresholds stand');
    }
  }

  /** Only what ended in order and because of a limit: a kill or a shutdown shows nothing. */
  private settle(session: Session): void {
    if (session.lost !== undefined || session.cause?.kind !== 'resource') return;
    session.meter.tick();
    const timer = setTimeout(() => {
      this.settling.delete(timer);
      const saved = this.save(session).finally(() => this.saving.delete(saved));
      this.saving.add(saved);
    }, SETTLE_MS);
    this.settling.add(timer);
  }

  private async save(session: Session): Promise<void> {
    const { taskId, epoch, executor } = session.assignment;
    try {
      await this.metering.tokens([session]);
      const measured = session.meter.measured();
      if (measured) await this.overheads.save({ taskId, epoch, executor, at: this.clock.now() }, measured);
    } catch (error) {
      this.log.debug({ error, taskId }, 'what handing over cost was not kept');
    }
  }
}
