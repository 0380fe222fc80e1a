import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { run } from './program.js';
import { FakeApi } from './testing/fake-api.fixture.js';
import { recordedTerminal } from './testing/recorded-terminal.fixture.js';

const task = (more: object = {}) => ({
  id: 'nightly',
  executor: 'command',
  input: { argv: ['date'] },
  priority: 5,
  dependsOn: [],
  labels: [],
  project: null,
  limits: {},
  budgetUsd: '1.50',
  maxSessions: 100,
  retries: 0,
  notBefore: null,
  deadline: null,
  onDependencyFailure: 'fail',
  parent: null,
  paidOnly: false,
  retryBackoff: null,
  estimates: null,
  complexity: 'standard',
  workspace: null,
  grader: null,
  state: 'ready',
  epoch: 1,
  sessions: [],
  spentUsd: '0.25',
  usage: { inputTokens: 0, outputTokens: 0, requests: 0, usd: '0.25' },
  progress: null,
  result: null,
  error: null,
  waiting: null,
  createdAt: '2026-11-23T10:00:00Z',
  updatedAt: '2026-11-23T10:00:00Z',
  finishedAt: null,
  ...more,
});

const line = (seq: number, text: string) => ({
  seq,
  sessionId: 's1',
  epoch: 1,
  stream: 'stdout',
  at: '2026-11-23T10:00:00Z',
  text,
});

describe('commands that talk to the control API', () => {
  let api: FakeApi;

  beforeAll(async () => {
    api = await FakeApi.open();
  });
  afterAll(() => api.close());
  beforeEach(() => api.reset());
  const purser = (...argv: string[]) => api.purser(...argv);

  it('submits what the flags say, with the admin key', async () => {
    api.answers['POST /v1/tasks'] = () => [201, task()];
    const { code, out } = await purser('task', 'submit', '--budget', '1.50', '--priority', '7', '--', 'sh', '-c', 'x');
    expect(code).toBe(0);
    expect(out).toContain('Task nightly is ready');
    expect(api.seen).toEqual([
      {
        method: 'POST',
        url: '/v1/tasks',
        key: 'Bearer pk_test',
        body: expect.objectContaining({
          budgetUsd: '1.50',
          priority: 7,
          input: { argv: ['sh', '-c', 'x'] },
        }) as unknown,
      },
    ]);
  });

  it('submits a file as it is, and waits for the end when asked to', async () => {
    let asked = 0;
    api.answers['POST /v1/tasks'] = () => [201, task()];
    api.answers['GET /v1/tasks/nightly'] = () => {
      asked += 1;
      if (asked === 2) return [503, { error: { code: 'unavailable', message: 'restarting', details: {} } }];
      return [
        200,
        task({ state: asked < 3 ? 'running' : 'failed', error: { code: 'exit_1', message: 'ended with 1' } }),
      ];
    };
    await writeFile(join(api.folder, 'task.json'), JSON.stringify({ executor: 'command', input: { argv: ['date'] } }));
    const { code, out } = await purser('task', 'submit', '--file', 'task.json', '--wait');
    expect(code).toBe(1);
    expect(out).toMatch(/state +failed\nerror +exit_1: ended with 1/);
    expect(asked).toBe(3);
  });

  it('submits a file of several, each by itself, and says which were refused', async () => {
    const result = (index: number, id: string | null, error: unknown = null, created = error === null) => ({
      index,
      id,
      state: error === null ? 'ready' : null,
      created,
      error,
    });
    api.answers['POST /v1/tasks/batch'] = () => [
      200,
      {
        taken: 2,
        refused: 1,
        results: [
          result(0, 'a'),
          result(1, null, { code: 'invalid_request', message: 'task: not JSON' }),
          result(2, 'c', null, false),
        ],
      },
    ];
    await writeFile(join(api.folder, 'tasks.jsonl'), '{"id":"a"}\n{"id":\n\n{"id":"c"}\n');
    const { code, out } = await purser('task', 'submit', '--file', 'tasks.jsonl');
    expect(code).toBe(1);
    expect(out).toBe('2 tasks taken (1 of them before), 1 refused:\n  2. task: not JSON\n');
    expect(api.seen.map(({ body }) => body)).toEqual([{ tasks: [{ id: 'a' }, '{"id":', { id: 'c' }] }]);
    const waiting = await purser('task', 'submit', '--file', 'tasks.jsonl', '--wait');
    expect([waiting.code, waiting.err]).toEqual([2, expect.stringContaining('waits for one task') as string]);
  });

  it('submits more than one request may carry in several, and counts on', async () => {
    let asked = 0;
    api.answers['POST /v1/tasks/batch'] = () => {
      const error = { code: 'conflict', message: 'taken' };
      const refused = { index: 1, id: 'x', state: null, created: false, error };
      const taken = { index: 0, id: 'w', state: 'ready', created: true, error: null };
      return [200, { taken: 1, refused: asked++, results: asked === 2 ? [taken, refused] : Array(10_000).fill(taken) }];
    };
    await writeFile(join(api.folder, 'many.json'), JSON.stringify(Array(10_002).fill({ executor: 'command' })));
    const { out } = await purser('task', 'submit', '--file', 'many.json');
    expect(api.seen.map(({ body }) => (body as { tasks: unknown[] }).tasks.length)).toEqual([10_000, 2]);
    expect(out).toContain('10001 tasks taken, 1 refused:\n  10002. x: taken\n');
  });

  it('shows what a task and each of its sessions used, against their limits', async () => {
    const session = (epoch: number, usage: unknown) => ({
      id: `s${epoch}`,
      epoch,
      runner: 'r',
      startedAt: '2026-11-23T10:00:00Z',
      endedAt: '2026-11-23T10:01:00Z',
      outcome: 'continued',
      reason: null,
      usage,
    });
    const nightly = task({
      limits: { tokens: 5000, requests: 10 },
      usage: { inputTokens: 4200, outputTokens: 350, requests: 7, usd: '0.25' },
      sessions: [
        session(1, { inputTokens: 4000, outputTokens: 300, requests: 6, usd: '0.24' }),
        session(2, { inputTokens: 200, outputTokens: 50, requests: 1, usd: '0.01' }),
        session(3, null),
      ],
    });
    api.answers['GET /v1/tasks/nightly'] = () => [200, nightly];
    const { out } = await purser('task', 'get', 'nightly');
    expect(out).toMatch(/^limits +5000 tokens, 10 requests per session\nspent +\$0\.25 of \$1\.50\n/m);
    expect(out).toMatch(/^used +4,200 tokens in, 350 out, 7 requests$/m);
    expect(out).toMatch(/ IN +OUT +TOKENS +REQUESTS +SPENT +OUTCOME/);
    expect(out).toMatch(/ s1 .* 4,000 +300 +4,300 of 5,000 +6 of 10 +\$0\.24 +continued/);
    expect(out).toMatch(/ s2 .* 200 +50 +250 of 5,000 +1 of 10 +\$0\.01 /);
    expect(out).toMatch(/ s3 .* \? +\? +\? +\? +\? +continued/);
    const json = await purser('task', 'get', 'nightly', '--json');
    expect(JSON.parse(json.out)).toEqual(nightly);
  });

  it('reads a task from standard input and checks it before it is sent', async () => {
    const { code, err } = await purser('task', 'submit', '--file', '-');
    expect(code).toBe(2);
    expect(err).toMatch(/executor: .*input: /s);
    expect(api.seen).toEqual([]);
  });

  it('prints with --json what the API said, and nothing else', async () => {
    api.answers['GET /v1/tasks'] = () => [200, { tasks: [], next: null, more: 'kept' }];
    const { code, out, err } = await purser('task', 'list', '--json', '--state', 'running', '--limit', '3');
    expect([code, err]).toEqual([0, '']);
    expect(JSON.parse(out)).toEqual({ tasks: [], next: null, more: 'kept' });
    expect(api.seen[0]?.url).toBe('/v1/tasks?state=running&limit=3');
  });

  it('tells errors apart by its exit code, and leaves stdout empty', async () => {
    api.answers['GET /v1/tasks/broken'] = () => [
      422,
      { error: { code: 'invalid_request', message: 'priority: at most 9', details: {} } },
    ];
    api.answers['GET /v1/tasks/away'] = () => [
      503,
      { error: { code: 'unavailable', message: 'no database', details: {} } },
    ];
    api.answers['GET /v1/tasks/web'] = () => [200, '<html>'];
    expect(await purser('task', 'get', 'nope')).toEqual({ code: 1, out: '', err: 'nothing at /v1/tasks/nope\n' });
    expect(await purser('task', 'get', 'broken')).toMatchObject({ code: 2, out: '', err: 'priority: at most 9\n' });
    expect(await purser('task', 'get', 'away')).toMatchObject({ code: 3, out: '' });
    expect(await purser('task', 'get', 'web')).toMatchObject({
      code: 3,
      err: expect.stringMatching(/not Purser/) as unknown,
    });
    const json = await purser('task', 'get', 'nope', '--json');
    expect(JSON.parse(json.err)).toEqual({ error: expect.objectContaining({ code: 'not_found' }) as unknown });
  });

  it('ends with code 3 when nobody answers, and says how to start', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address() as AddressInfo;
    closed.close();
    await once(closed, 'close');
    const terminal = recordedTerminal({ env: { PURSER_API_PORT: String(port), PURSER_ADMIN_KEY: 'x' } });
    expect(await run(['status'], terminal)).toBe(3);
    expect(terminal.printed.err).toMatch(
      /No answer from Purser at http:\/\/127\.0\.0\.1:\d+ \(.*ECONNREFUSED.*purser up/,
    );
  });

  it('says where the admin key was looked for', async () => {
    const terminal = recordedTerminal({ env: { PURSER_API_URL: api.url, PURSER_HOME: join(api.folder, 'none') } });
    expect(await run(['task', 'list'], terminal)).toBe(1);
    expect(terminal.printed.err).toContain(join(api.folder, 'none', 'admin.key'));
    await writeFile(join(api.folder, 'admin.key'), 'pk_from_file\n');
    const found = recordedTerminal({ env: { PURSER_HOME: api.folder } });
    expect(await run(['key'], found)).toBe(0);
    expect(found.printed.out).toBe('pk_from_file\n');
  });

  it('deletes a budget, and says who and why', async () => {
    api.answers['DELETE /v1/budgets/daily'] = () => [200, { id: 'daily', deleted: true }];
    const argv = ['budget', 'delete', 'daily', '--by', 'ada', '--reason', 'the trial is over'];
    expect(await purser(...argv)).toEqual({ code: 0, out: 'Budget daily is deleted.\n', err: '' });
    const json = await purser(...argv, '--json');
    expect(JSON.parse(json.out)).toEqual({ id: 'daily', deleted: true });
    const sent = new URL(api.seen[0]?.url ?? '', api.url).searchParams;
    expect([sent.get('by'), sent.get('reason')]).toEqual(['ada', 'the trial is over']);
    api.answers['DELETE /v1/budgets/daily'] = () => [200, { id: 'daily', deleted: false }];
    expect(await purser(...argv)).toEqual({ code: 1, out: '', err: 'There is no budget "daily".\n' });
    const why = { code: 'conflict', message: '"daily" is the limit that the task "x" was given', details: {} };
    api.answers['DELETE /v1/budgets/daily'] = () => [409, { error: why }];
    expect(await purser(...argv)).toEqual({ code: 1, out: '', err: `${why.message}\n` });
  });

  it('shows what lost gateways hold, and releases it', async () => {
    const held = {
      gateway: 'gateway-a-1',
      windowId: '7',
      budgetId: 'monthly',
      amountUsd: '0.40',
      lostSince: '2026-11-23T10:00:00Z',
    };
    const released = { ...held, by: 'ada', reason: 'its disk is gone', at: '2026-11-23T11:00:00Z' };
    api.answers['GET /v1/leases/presumed'] = () => [200, { presumed: [], releases: [] }];
    expect(await purser('budget', 'presumed')).toMatchObject({ code: 0, out: 'No lost gateway holds anything.\n' });
    api.answers['GET /v1/leases/presumed'] = () => [200, { presumed: [held], releases: [released] }];
    const shown = await purser('budget', 'presumed', '--limit', '5');
    expect(shown.out).toMatch(/^GATEWAY +BUDGET +AMOUNT +LOST SINCE\ngateway-a-1 +monthly +\$?0\.40/);
    expect(shown.out).toMatch(/Released\nGATEWAY .*\n.* ada +its disk is gone\n$/s);
    expect(api.seen.at(-1)?.url).toBe('/v1/leases/presumed?limit=5');
    api.answers['POST /v1/leases/release'] = () => [200, { gateway: 'gateway-a-1', released: [released] }];
    const argv = ['budget', 'release', 'gateway-a-1', '--by', 'ada', '--reason', 'its disk is gone'];
    expect((await purser(...argv)).out).toMatch(/0\.40.* ada +its disk is gone\n$/s);
    expect(api.seen.at(-1)?.body).toEqual({ gateway: 'gateway-a-1', by: 'ada', reason: 'its disk is gone' });
    expect(JSON.parse((await purser(...argv, '--json')).out)).toEqual({ gateway: 'gateway-a-1', released: [released] });
    api.answers['POST /v1/leases/release'] = () => [200, { gateway: 'gateway-a-1', released: [] }];
    expect(await purser(...argv)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/nothing was released/) as string,
    });
    api.answers['POST /v1/leases/release'] = () => [
      409,
      { error: { code: 'conflict', message: 'alive', details: {} } },
    ];
    expect(await purser(...argv)).toEqual({ code: 1, out: '', err: 'alive\n' });
  });

  it('prints all pages of a log, and follows it until the task has ended', async () => {
    const lines = [1, 2, 3].map((seq) => line(seq, `said ${seq}\n`));
    let shown = 1;
    api.answers['GET /v1/tasks/nightly'] = () => [200, task({ state: shown < 3 ? 'running' : 'completed' })];
    api.answers['GET /v1/tasks/nightly/logs'] = () => {
      const after = Number(new URL(api.seen.at(-1)?.url ?? '', api.url).searchParams.get('after'));
      const part = lines.slice(0, shown).filter(({ seq }) => seq > after);
      shown = Math.min(3, shown + 1);
      return [200, { lines: part, next: part.at(-1)?.seq ?? after }];
    };
    const { code, out } = await purser('task', 'logs', 'nightly', '--follow');
    expect(code).toBe(0);
    expect(out.match(/said \d/g)).toEqual(['said 1', 'said 2', 'said 3']);
  });

  it('shows what a task did outside, and what nobody knows the outcome of', async () => {
    const effect = { number: 1, key: 'mail-7', state: 'done', epoch: 1, sessionId: 's1', result: { id: 99 } };
    const times = { begunAt: '2026-11-23T10:00:00Z', endedAt: '2026-11-23T10:00:01Z' };
    const open = { ...effect, ...times, number: 2, key: 'mail-8', state: 'open', endedAt: null, result: null };
    api.answers['GET /v1/tasks/nightly/effects'] = () => [200, { effects: [{ ...effect, ...times }, open], next: 2 }];
    const { code, out } = await purser('task', 'effects', 'nightly');
    expect(code).toBe(0);
    expect(out).toMatch(/mail-7 +done +1 .*\{"id":99\}/);
    expect(out).toMatch(/mail-8 +open +1 /);
  });

  it('changes one field of a budget and keeps the others', async () => {
    const status = {
      id: 'daily',
      scope: { provider: 'openai' },
      period: 'day',
      timezone: 'UTC',
      limitUsd: '5',
      thresholds: { warning: 0.75, critical: 0.9, cutoff: 1 },
      onExhausted: 'block',
      level: 'ok',
      window: {
        id: '1',
        startsAt: '2026-11-23T00:00:00Z',
        endsAt: '2026-11-24T00:00:00Z',
        settledUsd: '1.25',
        leasedUsd: '0.1',
        presumedUsd: '0',
        remainingUsd: '6.65',
      },
    };
    api.answers['GET /v1/budgets'] = () => [200, { revision: 1, taskBudgetsRevision: 0, budgets: [status] }];
    api.answers['PUT /v1/budgets/daily'] = () => [200, { ...status, limitUsd: '8' }];
    const { code, out } = await purser('budget', 'set', 'daily', '--limit', '8', '--reason', 'release');
    expect(code).toBe(0);
    expect(out).toMatch(/daily +provider openai +day +\$8\.00 +\$1\.25 +\$0\.10 +\$6\.65 +ok +block/);
    expect(api.seen[1]?.body).toMatchObject({
      scope: { provider: 'openai' },
      limitUsd: '8',
      onExhausted: 'block',
      by: 'ada',
      reason: 'release',
    });
  });

  it('triggers an emergency in the name of who runs it', async () => {
    const latch = { serial: 4, active: true, by: 'ada', reason: 'drill', at: '2026-11-23T10:00:00Z' };
    api.answers['POST /v1/emergency/trigger'] = () => [200, latch];
    const { out } = await purser('emergency', 'trigger', '--reason', 'drill');
    expect(out).toMatch(/EMERGENCY.*\nserial +4\nset .* by ada\nreason +drill/);
    expect(api.seen[0]?.body).toEqual({ by: 'ada', reason: 'drill' });
  });
});
