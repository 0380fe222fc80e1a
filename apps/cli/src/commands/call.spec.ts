import { Call } from '@purser/contracts';
import { explained } from './call.js';

const attempt = {
  ...{ attemptId: 'attempt-1', startedAt: '2026-11-28T10:00:00.000Z', windows: [], maxTokensSet: 1_024 },
  ...{ holdUsd: '0.010360', amountUsd: '0.010360', finality: 'presumed', outcome: 'unknown', priceRow: 'row' },
  ...{ inputTokens: 4_000, outputTokens: 0, cachedTokens: 0, latencyMs: 1_200 },
};
const call = Call.parse({
  ...{ id: 'call-1', gateway: 'g', key: 'k1', project: null, task: null, session: null },
  ...{ at: '2026-11-28T10:00:00.000Z', kind: 'chat-completions', model: 'code_generation', capability: null },
  ...{ streaming: true, outcome: 'no_tier', message: 'none left', costUsd: '0.010360', latencyMs: 1_300 },
  tiers: [
    { tier: 'tier_1_paid', provider: 'openai', model: 'm', why: 'failed', reason: 'timeout', attempt },
    { tier: 'tier_2_free', provider: 'ollama', model: 'n', why: 'unavailable', reason: 'not there', attempt: null },
  ],
});

it('tells of every tier what became of it', () => {
  const text = explained(call);
  expect(text).toMatch(/asked +code_generation by chat-completions, as a stream\n/);
  expect(text).toMatch(/outcome +no_tier: none left\n/);
  expect(text).toMatch(/tier_1_paid +openai\/m: unknown in 1,200 ms\n +passed over: failed \(timeout\)\n/);
  expect(text).toMatch(/held \$0\.01036, settled at \$0\.01036 \(presumed\) by row\n/);
  expect(text).toMatch(/output limit set to 1,024\ntier_2_free +ollama\/n\n +passed over: unavailable \(not there\)/);
});
