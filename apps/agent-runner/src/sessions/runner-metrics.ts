import { Injectable } from '@nestjs/common';
import { Metrics } from '@purser/service';
import { Counter, Gauge } from 'prom-client';

/** What this runner tells Prometheus. */
@Injectable()
export class RunnerMetrics {
  private readonly running: Gauge;
  private readonly wraps: Counter<'reason'>;
  private readonly ends: Counter<'outcome'>;

  constructor({ registry }: Metrics) {
    const registers = [registry];
    this.running = new Gauge({ name: 'purser_sessions_running', help: 'Sessions that run here now.', registers });
    this.wraps = new Counter({
      name: 'purser_session_wraps_total',
      help: 'Sessions that were asked to wrap up, by the resource or other reason.',
      labelNames: ['reason'],
      registers,
    });
    this.ends = new Counter({
      name: 'purser_sessions_ended_total',
      help: 'Sessions that ended, by outcome; lost ones were taken over by a newer session.',
      labelNames: ['outcome'],
      registers,
    });
  }

  sessionsRunning(count: number): void {
    this.running.set(count);
  }

  wrapped(reason: string): void {
    this.wraps.inc({ reason });
  }

  ended(outcome: string): void {
    this.ends.inc({ outcome });
  }
}
