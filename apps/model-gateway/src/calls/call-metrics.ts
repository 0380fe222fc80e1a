import { Injectable } from '@nestjs/common';
import { Metrics } from '@purser/service';
import type { Attempt } from './meter.js';

const BUCKETS_S = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

interface Observed {
  labels: { tier: string; provider: string };
  outcome: string;
  seconds: number;
}

/** Counted together: for one call, to find its labels among all others costs twenty times as much as for one of many. */
const TOGETHER = 256;

@Injectable()
export class CallMetrics {
  private readonly calls;
  private readonly seconds;
  private waiting: Observed[] = [];

  constructor(metrics: Metrics) {
    this.calls = metrics.counter(
      'purser_gateway_attempts_total',
      'Calls to providers that have ended',
      ['tier', 'provider', 'outcome'] as const,
      () => this.count(),
    );
    this.seconds = metrics.histogram(
      'purser_gateway_attempt_seconds',
      'How long calls to providers took',
      ['tier', 'provider'] as const,
      BUCKETS_S,
      () => this.count(),
    );
  }

  observe({ tier, settlement }: Attempt, elapsedMs: number): void {
    const { name, provider } = tier;
    const outcome = settlement?.outcome ?? 'unknown';
    if (this.waiting.push({ labels: { tier: name, provider }, outcome, seconds: elapsedMs / 1000 }) >= TOGETHER)
      this.count();
  }

  private count(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const { labels, outcome, seconds } of waiting) {
      this.calls.inc({ ...labels, outcome });
      this.seconds.observe(labels, seconds);
    }
  }
}
