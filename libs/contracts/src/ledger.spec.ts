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

describe('what VMs cost', () => {
  const vm = { ...spend, attemptId: `${'0f'.repeat(16)}-m4x`, key: 'k', session: 's', task: 't', project: 'p' };
  const heardAt = (id: string, told = vm) =>
    spendRecorded.heardAs?.(spendRecorded.data.parse({ spends: [told] }), id).spends[0];

  it('is that of the provider that it was told under, of no key and no session, whatever it says itself', () => {
    expect(heardAt('gcp')).toMatchObject({ provider: 'gcp', capability: 'compute', key: null, session: null });
    expect(heardAt('docker')?.provider).toBe('docker');
    expect(heardAt('compute.hetzner')?.provider).toBe('hetzner');
    // Those of sessions count for their tasks.
    expect(heardAt('gcp')).toMatchObject({ task: 't', project: 'p', gateway: 'g' });
    expect(heardAt('ollama')).toEqual(spendRecorded.data.parse(vm).spends[0]);
  });

  it('is told under no name that a call could have', () => {
    expect(heardAt('gcp', { ...vm, attemptId: `${'0f'.repeat(16)}-sent-1z` })).toBeDefined();
    for (const attemptId of [`attempt-0192f0a1b2c3-${'0f'.repeat(16)}`, '0192f0a1-b2c3-7d4e-8f90-a1b2c3d4e5f6'])
      expect(() => heardAt('gcp', { ...vm, attemptId })).toThrow(/no attempt of a VM/);
  });
});
