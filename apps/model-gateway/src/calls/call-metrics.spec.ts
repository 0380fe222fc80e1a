import { Metrics } from '@purser/service';
import { CallMetrics } from './call-metrics.js';
import type { Attempt } from './meter.js';

const attempt = { tier: { name: 'tier_1', provider: 'p' }, settlement: { outcome: 'ok' } } as Attempt;

/** What each of them says by itself, whichever is asked first. */
const NAMES = ['purser_gateway_attempts_total', 'purser_gateway_attempt_seconds'];
const COUNTS = [
  'purser_gateway_attempts_total{tier="tier_1",provider="p",outcome="ok"} 1',
  'purser_gateway_attempt_seconds_count{tier="tier_1",provider="p"} 1',
];

it('counts a call that has ended at the next scrape', async () => {
  const metrics = new Metrics('spec');
  metrics.registry.setDefaultLabels({});
  new CallMetrics(metrics).observe(attempt, 30);
  const lines = (await metrics.registry.metrics()).split('\n');
  expect(lines).toEqual(expect.arrayContaining(COUNTS));
});

it.each([0, 1])('counts it also for whoever asks for one metric alone (%s)', async (which) => {
  const metrics = new Metrics('spec');
  metrics.registry.setDefaultLabels({});
  new CallMetrics(metrics).observe(attempt, 30);
  const text = await metrics.registry.getSingleMetricAsString(NAMES[which] ?? '');
  expect(text.split('\n')).toContain(COUNTS[which]);
});
