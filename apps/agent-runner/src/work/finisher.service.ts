import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { type FinishOutcome, isPurserError, workFinish } from '@purser/contracts';
import { Log } from '@purser/service';
import { persist } from '../sessions/persistence.js';
import { RunnerMetrics } from '../sessions/runner-metrics.js';
import type { Session } from '../sessions/session.js';

const CALL_MS = 3_000;
/**
 * The orchestrator refuses a finish that comes too late by its epoch, and it lets no lease lapse while it was away itself.
 * So it is worth telling a result for a while after the lease is over by our clock.
 */
const BEYOND_LEASE_MS = 15_000;

/** Tells the orchestrator how a session ended, until it has answered or the session is surely not ours any more. */
@Injectable()
export class Finisher {
  constructor(
    private readonly bus: Bus,
    private readonly log: Log,
    private readonly metrics: RunnerMetrics,
  ) {}

  /** Never rejects: a session whose end cannot be told is taken over when its lease lapses. */
  async finish(session: Session, outcome: FinishOutcome): Promise<void> {
    const { taskId, epoch } = session.assignment;
    const request = {
      requestId: randomUUID(),
      runner: this.bus.origin.instance,
      taskId,
      epoch,
      outcome,
      ...(session.progress ? { progress: session.progress } : {}),
      ...(session.checkpoint ? { checkpoint: session.checkpoint } : {}),
      measures: session.measuring.report(outcome.kind, session.kill.aborted),
      ...(session.signals.delivered > 0 ? { signals: session.signals.delivered } : {}),
    };
    const mayGoOn = () => session.lost === undefined && session.lease.remainingMs > -BEYOND_LEASE_MS;
    if (!mayGoOn()) {
      this.metrics.ended('lost');
      return;
    }
    try {
      const tell = () => this.bus.call(workFinish, request, { timeoutMs: CALL_MS });
      const { state } = await persist(tell, { mayGoOn, defects: 5 });
      this.metrics.ended(outcome.kind);
      this.log.info({ taskId, epoch, sessionId: session.id, outcome: outcome.kind, state }, 'a session ended');
    } catch (error) {
      this.metrics.ended('lost');
      if (isPurserError(error) && error.code === 'stale_epoch') session.refused();
      else this.log.error({ error, taskId, epoch, outcome: outcome.kind }, 'the end of a session could not be told');
    }
  }
}
