import { FakeApi } from '../testing/fake-api.fixture.js';

const source = {
  name: 'aws-costs',
  use: '@purser/aws-costs',
  provider: 'aws',
  state: 'ok',
  error: null,
  failures: 0,
  failingSince: null,
  counts: 'added',
  lastSuccessAt: '2026-11-28T10:00:00.000Z',
  lastNewsAt: '2026-11-28T10:00:00.000Z',
  dataUpTo: '2026-11-28T10:00:00.000Z',
  nextAt: '2026-11-28T16:00:00.000Z',
  everySeconds: 21_600,
  staleAfterSeconds: 172_800,
  monthUsd: '12.345678901',
  drift: null,
  ownMonthUsd: '0.84',
  ownTotalUsd: '2.10',
};

describe('purser sources', () => {
  let api: FakeApi;
  beforeAll(async () => {
    api = await FakeApi.open();
  });
  afterAll(() => api.close());
  beforeEach(() => api.reset());

  it('lists what each says and costs, and what is wrong', async () => {
    const drift = { reportedUsd: '11', meteredUsd: '10', percent: 10, drifting: true };
    const sources = [
      source,
      { ...source, name: 'openai-costs', provider: 'openai', state: 'stale', counts: 'reconciled', drift },
      {
        ...source,
        name: 'euros',
        state: 'failing',
        monthUsd: null,
        dataUpTo: null,
        lastSuccessAt: null,
        error: 'in EUR',
      },
    ];
    api.answers['GET /v1/sources'] = () => [200, { sources }];
    const { code, out } = await api.purser('sources', 'list');
    expect(code).toBe(0);
    expect(out).toMatch(/aws-costs +aws +ok +\$12\.345678901 +2026-11-28 .* added +\$0\.84\n/);
    expect(out).toMatch(/openai-costs +openai +stale .* reconciled \+10 % DRIFT/);
    expect(out).toMatch(/euros +aws +failing +\? +unknown +never/);
    expect(out).toContain('openai-costs: nothing new since');
    expect(out).toContain('and 2d is the most that is usual; what was spent since then is not known, and not zero.');
    expect(out).toMatch(/euros: .*in EUR/);
    expect(JSON.parse((await api.purser('sources', 'list', '--json')).out)).toMatchObject({
      sources: [{ state: 'ok' }, {}, {}],
    });
  });

  it('says that none is configured', async () => {
    api.answers['GET /v1/sources'] = () => [200, { sources: [] }];
    expect((await api.purser('sources', 'list')).out).toContain('docs/guides/sources.md');
  });

  it('has one asked now', async () => {
    api.answers['POST /v1/sources/aws-costs/read'] = () => [
      202,
      { name: 'aws-costs', askedFrom: '2026-11-28T10:00:00.000Z' },
    ];
    expect(await api.purser('sources', 'read', 'aws-costs')).toMatchObject({ code: 0 });
    expect(api.seen[0]).toMatchObject({ method: 'POST', url: '/v1/sources/aws-costs/read' });
  });
});
