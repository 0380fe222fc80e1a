import { FakeApi } from '../testing/fake-api.fixture.js';

let api: FakeApi;
beforeAll(async () => {
  api = await FakeApi.open();
});
beforeEach(() => api.reset());
afterAll(() => api.close());

const alert = (more: object = {}) => ({
  id: '7',
  fingerprint: 'budget/daily/1/critical',
  severity: 'critical',
  kind: 'budget_critical',
  title: 'Budget daily passed its critical threshold: $4.50 of $5.00',
  details: {},
  state: 'firing',
  silenced: false,
  count: 1,
  firedAt: '2026-11-23T10:00:00Z',
  lastAt: '2026-11-23T10:00:00Z',
  resolvedAt: null,
  resolution: null,
  ...more,
});

const channel = (more: object = {}) => ({
  name: 'smtp',
  use: '@purser/smtp',
  state: 'ok',
  minSeverity: 'info',
  failures: 0,
  lastError: null,
  lastSentAt: null,
  deadSince: null,
  pending: 0,
  givenUp: 0,
  ...more,
});

it('lists what is open, and says which channels reach nobody', async () => {
  api.answers['GET /v1/alerts'] = () => [
    200,
    { alerts: [alert(), alert({ silenced: true, title: 'It warns' })], next: '6', deadChannels: ['smtp'] },
  ];
  const { code, out } = await api.purser('alerts', 'list', '--severity', 'critical', '--limit', '2');
  expect(code).toBe(0);
  expect(api.seen[0]?.url).toBe('/v1/alerts?state=firing&severity=critical&limit=2');
  expect(out).toMatch(/critical\s+open\s+1\s+Budget daily passed its critical threshold/);
  expect(out).toMatch(/silenced\s+1\s+It warns/);
  expect(out).toContain('There are more');
  expect(out).toContain('1 channel reaching nobody: smtp');
});

it('lists past ones too, and prints JSON', async () => {
  const past = alert({ state: 'resolved', resolvedAt: '2026-11-24T00:00:00Z', resolution: 'a new day' });
  api.answers['GET /v1/alerts'] = () => [200, { alerts: [past], next: null, deadChannels: [] }];
  const { out } = await api.purser('alerts', 'list', '--all');
  expect(api.seen[0]?.url).toBe('/v1/alerts?limit=50');
  expect(out).toMatch(/over 2026-11-2[345] /);
  const { out: json } = await api.purser('alerts', 'list', '--all', '--json');
  expect(JSON.parse(json)).toMatchObject({ alerts: [{ id: '7' }], deadChannels: [] });
});

it('shows how the channels do', async () => {
  const dead = channel({ name: 'slack', state: 'dead', lastError: 'answered 404', pending: 2 });
  api.answers['GET /v1/alerts/channels'] = () => [200, { channels: [channel(), dead] }];
  const { out } = await api.purser('alerts', 'channels');
  expect(out).toMatch(/smtp\s+ok\s+info/);
  expect(out).toMatch(/slack\s+dead\s+info\s+-\s+2\s+0\s+answered 404/);
});

it('sends a test, and ends with 1 when one channel fails, or when there is none', async () => {
  const sent = { channel: 'smtp', ok: true, error: null, tookMs: 12 };
  api.answers['POST /v1/alerts/test'] = () => [200, { results: [sent] }];
  expect(await api.purser('alerts', 'test', '--channel', 'smtp')).toMatchObject({
    code: 0,
    out: 'sent    smtp (12 ms)\n',
  });
  expect(api.seen[0]?.body).toEqual({ channel: 'smtp' });
  const failed = { channel: 'slack', ok: false, error: 'SLACK_WEBHOOK_URL is not set', tookMs: 0 };
  api.answers['POST /v1/alerts/test'] = () => [200, { results: [sent, failed] }];
  expect(await api.purser('alerts', 'test')).toMatchObject({
    code: 1,
    out: 'sent    smtp (12 ms)\nfailed  slack: SLACK_WEBHOOK_URL is not set\n',
  });
  api.answers['POST /v1/alerts/test'] = () => [200, { results: [] }];
  const none = await api.purser('alerts', 'test');
  expect(none).toMatchObject({ code: 1, out: expect.stringContaining('SMTP_SERVER and ALERT_EMAIL') as string });
});
