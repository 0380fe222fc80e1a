import { FakeApi } from '../testing/fake-api.fixture.js';

describe('purser spikes', () => {
  let api: FakeApi;

  beforeAll(async () => {
    api = await FakeApi.open();
  });
  afterAll(() => api.close());
  beforeEach(() => api.reset());

  const night = { percent: 0.5, windowMinutes: 30, minUsd: '1', of: 'month' };

  it('sets rules as people say them', async () => {
    const set = { by: 'ada', reason: 'night', at: '2026-11-26T10:00:00Z' };
    api.answers['PUT /v1/spike-rules'] = () => [200, { rules: [night], set }];
    const { code, out } = await api.purser('spikes', 'set', '0.5 in 30', '2.0 in 120', '--reason', 'night');
    expect(code).toBe(0);
    expect(out).toMatch(/0\.5 % +the month +30 min +\$1\.00 +everything +shutdown\nset by ada at .*: night\n$/);
    expect(api.seen[0]?.body).toEqual({
      rules: [night, { ...night, percent: 2, windowMinutes: 120 }],
      by: 'ada',
      reason: 'night',
    });
    await api.purser('spikes', 'set', '5% in 10', '--provider', 'openai', '--alert', '--min-usd', '3', '--reason', 'x');
    expect(api.seen[1]?.body).toMatchObject({
      rules: [{ ...night, percent: 5, windowMinutes: 10, minUsd: '3', provider: 'openai', action: 'alert' }],
    });
  });

  it('says what a rule looks like, and lists those that hold', async () => {
    const wrong = await api.purser('spikes', 'set', 'a lot at once', '--reason', 'x');
    expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining('"0.5 in 30"') as string });
    expect(api.seen).toEqual([]);
    api.answers['GET /v1/spike-rules'] = () => [200, { rules: [], set: null }];
    expect((await api.purser('spikes', 'list')).out).toBe('No rule on spikes holds (as in the configuration).\n');
  });
});
