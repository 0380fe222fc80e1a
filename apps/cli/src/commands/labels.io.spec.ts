import { FakeApi } from '../testing/fake-api.fixture.js';

describe('purser labels', () => {
  let api: FakeApi;

  beforeAll(async () => {
    api = await FakeApi.open();
  });
  afterAll(() => api.close());
  beforeEach(() => api.reset());

  const github = { label: 'github', concurrency: 2, perMinute: null, running: 1, startedLastMinute: 0, waiting: 1_000 };

  it('lists limits with what runs and waits', async () => {
    api.answers['GET /v1/labels'] = () => [200, { labels: [github] }];
    expect((await api.purser('labels', 'list')).out).toMatch(/\ngithub +1 of 2 +any +1000 or more\n$/);
    api.answers['GET /v1/labels'] = () => [200, { labels: [] }];
    expect((await api.purser('labels', 'list')).out).toContain('purser labels set github --concurrency 2');
  });

  it('sets them and takes them off', async () => {
    api.answers['PUT /v1/labels/github'] = () => [200, { ...github, perMinute: 30, waiting: 3 }];
    const { code, out } = await api.purser('labels', 'set', 'github', '--concurrency', '2', '--per-minute', '30');
    expect(code).toBe(0);
    expect(out).toMatch(/\ngithub +1 of 2 +0 of 30 +3\n$/);
    expect(api.seen[0]?.body).toMatchObject({ concurrency: 2, perMinute: 30 });
    api.answers['DELETE /v1/labels/github'] = () => [200, { deleted: true }];
    expect(await api.purser('labels', 'delete', 'github')).toMatchObject({ code: 0 });
    api.answers['DELETE /v1/labels/github'] = () => [200, { deleted: false }];
    expect(await api.purser('labels', 'delete', 'github')).toMatchObject({ code: 1 });
  });
});
