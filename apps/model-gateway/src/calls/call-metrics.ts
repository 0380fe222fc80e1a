import { Injectable } from '@nestjs/common';
import { Metrics } from '@purser/service';
import type { Attempt } from './meter.js';

const BUCKETS_S = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

@Injectable()
export class CallMetrics {
  private readonly calls;
  private readonly seconds;

  constructor(metrics: Metrics) {
    this.calls = metrics.counter('purser_gateway_attempts_total', 'Calls to providers that have ended', [
      'tier',
      'provider',
      'outcome',
    ] as const);
    this.seconds = metrics.histogram(
      'purser_gateway_attempt_seconds',
      'How long calls to providers took',
      ['tier', 'provider'] as const,
      BUCKETS_S,
    );
  }

  observe({ tier, settlement }: Attempt, elapsedMs: number): void {
    const labels = { tier: tier.name, provider: tier.provider };
    this.calls.inc({ ...labels, outcome: settlement?.outcome ?? 'unknown' });
    this.seconds.observe(labels, elapsedMs / 1000);
  }
}
