import { Injectable } from '@nestjs/common';
import { Metrics } from '@purser/service';
import { TasksRepository } from './tasks.repository.js';

const UNFINISHED = ['blocked', 'ready', 'running', 'paused'] as const;

@Injectable()
export class TaskMetrics {
  private readonly claims;
  private readonly ends;

  constructor(metrics: Metrics, tasks: TasksRepository) {
    this.claims = metrics.counter('purser_sessions_started_total', 'Sessions that this instance handed to runners.');
    this.ends = metrics.counter(
      'purser_session_ends_recorded_total',
      'Ends of sessions that this instance recorded, by outcome; lost ones are lapsed leases.',
      ['outcome'],
    );
    metrics.gauge('purser_tasks', 'Tasks that are not over, by state.', ['state'], async (gauge) => {
      const rows = await tasks.countsOfUnfinished().catch(() => undefined);
      // Nothing rather than old figures, and the other metrics all the same.
      if (!rows) return gauge.reset();
      const counts = new Map(rows.map((row) => [row.state, Number(row.count)]));
      for (const state of UNFINISHED) gauge.set({ state }, counts.get(state) ?? 0);
    });
  }

  sessionsStarted(count: number): void {
    this.claims.inc(count);
  }

  sessionEnded(outcome: string): void {
    this.ends.inc({ outcome });
  }
}
