import { randomUUID } from 'node:crypto';
import type { Spend } from '@purser/contracts';

/** For specs: one attempt, as a gateway would report it. */
export const newSpend = (given: Partial<Spend> = {}): Spend => ({
  attemptId: randomUUID(),
  callId: randomUUID(),
  gateway: 'g1',
  provider: 'openai',
  model: 'gpt-test',
  tier: 'tier_1_paid',
  capability: null,
  key: null,
  project: null,
  task: null,
  session: null,
  amountUsd: '0.01',
  holdUsd: '0.02',
  windows: [],
  inputTokens: 100,
  outputTokens: 20,
  cachedTokens: 0,
  priceRow: null,
  usageAt: new Date().toISOString(),
  finality: 'final',
  outcome: 'ok',
  latencyMs: 5,
  ...given,
});
