import { spendRecorded } from './ledger.js';

const spend = {
  attemptId: 'a',
  callId: 'c',
  gateway: 'g',
  provider: 'openai',
  model: 'm',
  tier: 't',
  capability: null,
  key: null,
  project: null,
  task: null,
  session: null,
  amountUsd: '1.00',
  holdUsd: '1.00',
  windows: [],
  inputTokens: 1,
  outputTokens: 1,
  usageAt: '2026-11-01T00:00:00Z',
  finality: 'final',
  outcome: 'ok',
  latencyMs: 1,
};

it('reads settlements as they are told, and as gateways of before told each by itself', () => {
  expect(spendRecorded.data.parse({ spends: [spend, spend] }).spends).toHaveLength(2);
  expect(spendRecorded.data.parse(spend).spends).toMatchObject([spend]);
  expect(spendRecorded.data.safeParse({ spends: [] }).success).toBe(false);
});

it('takes what VMs cost for that of the provider that it was told under, whatever it says itself', () => {
  const batch = spendRecorded.data.parse(spend);
  const heardAt = (id: string) => spendRecorded.heardAs?.(batch, id).spends.map(({ provider }) => provider);
  expect(heardAt('gcp')).toEqual(['gcp']);
  expect(heardAt('docker')).toEqual(['docker']);
  expect(heardAt('compute.hetzner')).toEqual(['hetzner']);
  expect(heardAt('ollama')).toEqual([batch.spends[0]?.provider]);
});
