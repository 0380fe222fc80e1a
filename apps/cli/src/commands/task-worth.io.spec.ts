import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RecordLine, TaskRecord } from '@purser/contracts';
import { FakeApi } from '../testing/fake-api.fixture.js';

const use = { requests: 3, inputTokens: 4_000, outputTokens: 500, usd: '0.25', latencyMs: 6_000 };
const record: TaskRecord = {
  taskId: 'nightly',
  executor: 'command',
  labels: [],
  project: null,
  outcome: 'completed',
  createdAt: '2026-11-23T10:00:00Z',
  finishedAt: '2026-11-23T10:10:00Z',
  firstStartMs: 60_000,
  waitedMs: 240_000,
  workedMs: 360_000,
  totalMs: 600_000,
  sessions: 2,
  runners: ['r1', 'r2'],
  ...use,
  models: [{ provider: 'openai', model: 'gpt', ...use }],
  grade: { grade: 0.8, why: 'good', by: 'check.sh' },
  final: true,
};
const line = (given: Partial<RecordLine>): RecordLine => ({
  taskId: 'nightly',
  executor: 'command',
  labels: [],
  project: null,
  outcome: 'completed',
  finishedAt: '2026-11-23T10:10:00Z',
  provider: 'openai',
  model: 'gpt',
  ...use,
  taskUsd: '0.25',
  sessions: 2,
  firstStartMs: 60_000,
  workedMs: 360_000,
  totalMs: 600_000,
  grade: 0.8,
  ...given,
});

describe('what tasks take', () => {
  let api: FakeApi;

  beforeAll(async () => {
    api = await FakeApi.open();
  });
  afterAll(() => api.close());
  beforeEach(() => api.reset());

  it('is said before a task is handed in', async () => {
    const spread = (median: number, p90: number) => ({ median, p90 });
    const known = {
      basis: 'history',
      tasks: 12,
      usd: { median: '0.25', p90: '0.40' },
      tokens: spread(1_200, 2_000),
      seconds: spread(180, 400),
      sessions: spread(2, 3),
    };
    api.answers['POST /v1/tasks/estimate'] = () => [200, known];
    await writeFile(join(api.folder, 'task.json'), JSON.stringify({ executor: 'command', input: { argv: ['date'] } }));
    const { code, out } = await api.purser('task', 'estimate', '--file', 'task.json');
    expect({ code, out }).toEqual({
      code: 0,
      out: '$0.25 (9 of 10 within $0.40), 1,200 tokens, 3m of work, 2 sessions; by 12 like tasks\n',
    });
    expect(api.seen[0]?.body).toMatchObject({ executor: 'command', input: { argv: ['date'] } });
    const unknown = { basis: 'none', tasks: 0, usd: null, tokens: null, seconds: null, sessions: null };
    api.answers['POST /v1/tasks/estimate'] = () => [200, unknown];
    expect((await api.purser('task', 'estimate', '--file', 'task.json')).out).toContain('Nothing is known');
    expect(await api.purser('task', 'estimate', '--file', 'nowhere.json')).toMatchObject({ code: 2 });
  });

  it('is shown of one that has ended', async () => {
    api.answers['GET /v1/tasks/nightly/record'] = () => [200, record];
    const { out } = await api.purser('task', 'record', 'nightly');
    expect(out).toMatch(/sessions +2 on r1, r2\n/);
    expect(out).toMatch(/started +1m later\nworked +6m of 10m\n/);
    expect(out).toMatch(/grade +0\.8 by check\.sh: good\n/);
    expect(out).toMatch(/openai +gpt +3 +4,000 +500 +\$0\.25 +2\.0 s\n/);
    expect(out).not.toContain('may still change');
  });

  it('is listed, and compared by model', async () => {
    const lines = [
      line({}),
      line({ taskId: 'other', usd: '0.75', inputTokens: 6_000, grade: 0.4 }),
      line({ taskId: 'failed', outcome: 'failed', usd: '9', grade: null }),
      line({ taskId: 'small', model: 'mini', usd: '0.01', grade: null }),
    ];
    api.answers['GET /v1/records'] = () => [200, { lines, next: '17' }];
    const { out } = await api.purser('task', 'records', '--label', 'nightly', '--limit', '4');
    expect(api.seen[0]?.url).toBe('/v1/records?label=nightly&limit=4');
    expect(out).toMatch(/nightly +completed .* gpt +3 +4,000 +500 +\$0\.25 +2 +6m +0\.80\n/);
    expect(out).toContain('More: purser task records --before 17');
    const compared = (await api.purser('task', 'records', '--by-model')).out;
    expect(compared).toMatch(/gpt +3 +2 +\$0\.50 +5,500 +6m +2\.0 s +0\.60\n/);
    expect(compared).toMatch(/mini +1 +1 +\$0\.01 +4,500 +6m +2\.0 s +-\n/);
  });

  it('is given as CSV as it comes', async () => {
    api.answers['GET /v1/records'] = () => [200, 'taskId,model\r\nnightly,gpt\r\n'];
    expect((await api.purser('task', 'records', '--csv')).out).toBe('taskId,model\r\nnightly,gpt\r\n');
  });
});

describe('purser figures', () => {
  let api: FakeApi;

  beforeAll(async () => {
    api = await FakeApi.open();
  });
  afterAll(() => api.close());

  const figure = (name: string, value: number | null, target: number, met: boolean | null) => ({
    name,
    value,
    target,
    met,
    counted: `of ${name}`,
  });

  it('shows the five, and fails when it is asked to', async () => {
    const figures = [
      figure('resource_efficiency', 0.912, 0.85, true),
      figure('resume_overhead', 0.2, 0.05, false),
      figure('completion_rate', null, 1, null),
    ];
    const period = { since: '2026-11-22T10:00:00.000Z', until: '2026-11-23T10:00:00.000Z' };
    api.answers['GET /v1/figures'] = () => [200, { ...period, figures }];
    const { code, out } = await api.purser('figures', '--since', '2026-11-22T10:00:00Z');
    expect(code).toBe(0);
    expect(api.seen[0]?.url).toBe('/v1/figures?since=2026-11-22T10%3A00%3A00Z');
    expect(out).toMatch(/resource efficiency +0\.912 +> 0\.85 +of resource_efficiency\n/);
    expect(out).toMatch(/resume overhead +0\.200 +< 0\.05 +of/);
    expect(out).toMatch(/completion rate +- +1 +of/);
    expect((await api.purser('figures', '--fail')).code).toBe(1);
  });
});
