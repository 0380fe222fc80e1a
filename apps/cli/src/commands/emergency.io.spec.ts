import { FakeApi } from '../testing/fake-api.fixture.js';

let api: FakeApi;
const at = '2026-11-23T11:18:54.123Z';
const latch = { serial: 3, active: true, by: 'ada', reason: 'a loop', at };
const target = (name: string, fate: string, detail: string) => ({
  kind: 'container',
  id: 'abc',
  name,
  fate,
  detail,
  at,
  watchdog: 'one',
  usdPerHour: null,
});
const report = {
  id: 'emergency_2026-11-23T11-18-54-123Z',
  latch,
  steps: [],
  history: [],
  byModel: [],
  evidence: null,
  targets: [target('job', 'stopped', 'labelled'), target('stuck', 'alive', 'it does not end')],
  acknowledgements: [],
  missing: [{ service: 'agent-runner', instance: 'r1' }],
  stillCosting: { usdPerHour: '2.50', items: [{ what: 'container stuck', usdPerHour: '2.50' }] },
  problems: [],
};

beforeAll(async () => {
  api = await FakeApi.open();
});
beforeEach(() => api.reset());
afterAll(() => api.close());

it('shows a drill, and asks for nothing else', async () => {
  api.answers['POST /v1/emergency/drill'] = () => [
    200,
    {
      at,
      watchdog: 'one',
      docker: 'unix:///var/run/docker.sock',
      targets: [target('job', 'would_stop', 'labelled purser.stop=true')],
      services: [{ service: 'agent-runner', instance: 'r1' }],
      problems: [],
    },
  ];
  const { code, out } = await api.purser('emergency', 'drill');
  expect(code).toBe(0);
  expect(out).toMatch(/nothing was stopped/);
  expect(out).toMatch(/container {2}job {3}would be stopped {2}labelled purser\.stop=true/);
  expect(api.seen).toHaveLength(1);
});

it('lists reports, and shows one as text, JSON or a page', async () => {
  api.answers['GET /v1/emergency/reports'] = () => [
    200,
    { reports: [{ id: report.id, serial: 3, at, by: 'ada', reason: 'a loop', stopped: 1, alive: 1, missing: 1 }] },
  ];
  api.answers[`GET /v1/emergency/reports/${report.id}`] = () => [200, { report, html: '<!doctype html>' }];
  expect((await api.purser('emergency', 'reports')).out).toContain(report.id);
  const shown = await api.purser('emergency', 'report', report.id);
  expect(shown.out).toMatch(/\$2\.50 an hour at least: container stuck/);
  expect(shown.out).toMatch(/stuck {2}STILL RUNS {2}it does not end/);
  expect(shown.out).toMatch(/silent +agent-runner r1/);
  expect(JSON.parse((await api.purser('emergency', 'report', report.id, '--json')).out)).toEqual(report);
  expect((await api.purser('emergency', 'report', report.id, '--html')).out).toBe('<!doctype html>');
});

it('triggers by the watchdog when it answers', async () => {
  api.answers['POST /v1/emergency/trigger'] = () => [200, latch];
  const { code, out } = await api.purser('emergency', 'trigger', '--reason', 'a loop', '--json');
  expect([code, JSON.parse(out)]).toEqual([0, latch]);
});

it('says for each store why it could not be set, when nobody answers at all', async () => {
  api.answers['POST /v1/emergency/trigger'] = () => [
    503,
    { error: { code: 'unavailable', message: 'emergency.trigger: no cost-watchdog is running', details: {} } },
  ];
  const { code, err } = await api.purser('emergency', 'trigger', '--reason', 'a loop');
  expect(code).toBe(3);
  expect(err).toContain('no cost-watchdog is running');
  expect(err).toMatch(/Postgres: its address and password are not known here\. NATS: its address/);
});

it('does not go past a watchdog that refuses', async () => {
  api.answers['POST /v1/emergency/trigger'] = () => [
    422,
    { error: { code: 'invalid_request', message: 'by: your name', details: {} } },
  ];
  expect((await api.purser('emergency', 'trigger', '--reason', 'x')).err).not.toContain('Postgres');
});
