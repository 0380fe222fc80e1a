import { figuresGet, recordsGet, recordsList, type SessionMeasures, tasksEstimate, tasksGet } from '@purser/contracts';
import { eventually } from '@purser/testing';
import { LiveOrchestrator } from './orchestrator.fixture.js';

jest.setTimeout(60_000);

/** A record is written when the ledger surely has the last call. */
const RECORDED = { timeoutMs: 30_000, everyMs: 250 };
const done = { kind: 'completed', result: { ok: true } } as const;
const measures = (given: Partial<SessionMeasures> = {}): SessionMeasures => ({
  seconds: 2,
  firstProgressSeconds: 0.1,
  unsavedSeconds: 0,
  killed: false,
  resumed: null,
  grade: null,
  ...given,
});

let live: LiveOrchestrator;

beforeAll(async () => {
  live = await LiveOrchestrator.open({ graded: '0.25', plain: '0.75' });
});
afterAll(() => live.close());

it('keeps what a task took: models, tokens, dollars, times, runners, and the grade of its result', async () => {
  await live.create({ id: 'graded', labels: ['nightly'], project: 'shop' });
  const first = await live.started('graded');
  expect(await live.bus.call(recordsGet, { id: 'graded' })).toMatchObject({
    outcome: null,
    sessions: 1,
    final: false,
    usd: '0.25',
  });
  await live.finish(first, { kind: 'continue', reason: 'enough' }, { measures: measures() });
  const grade = { grade: 0.8, why: 'good', by: 'check.sh' };
  await live.finish(await live.started('graded'), done, { measures: measures({ grade }) });
  const record = await eventually(async () => {
    const kept = await live.bus.call(recordsGet, { id: 'graded' });
    return kept.final ? kept : Promise.reject(new Error('not kept yet'));
  }, RECORDED);
  expect(record).toMatchObject({
    executor: 'command',
    labels: ['nightly'],
    project: 'shop',
    outcome: 'completed',
    sessions: 2,
    runners: ['r1'],
    requests: 2,
    inputTokens: 42,
    outputTokens: 8,
    usd: '0.25',
    models: [{ provider: 'openai', model: 'gpt', requests: 2, usd: '0.25', latencyMs: 700 }],
    grade,
  });
  expect(record.waitedMs + record.workedMs).toBe(record.totalMs);
  expect(record.firstStartMs).toBeLessThanOrEqual(record.totalMs);
  const task = await live.bus.call(tasksGet, { id: 'graded' });
  expect(task.record).toEqual(record);
  expect(task.prediction).toBeUndefined();
});

it('lists them as lines to compare models by, also as CSV', async () => {
  await live.create({ id: 'plain', executor: 'other' });
  await live.finish(await live.started('plain', 'other'), { kind: 'failed', error: { code: 'exit_1', message: 'no' } });
  await live.create({ id: 'idle', executor: 'other' });
  await live.finish(await live.started('idle', 'other'), done);
  const { lines } = await eventually(async () => {
    const found = await live.bus.call(recordsList, { executor: 'other' });
    expect(found.lines).toHaveLength(2);
    return found;
  }, RECORDED);
  expect(lines).toMatchObject([
    { taskId: 'idle', model: '', requests: 0, taskUsd: '0.00', outcome: 'completed', grade: null },
    { taskId: 'plain', model: 'gpt', requests: 2, taskUsd: '0.75', outcome: 'failed' },
  ]);
  const csv = await (await live.get('/v1/records?model=gpt&limit=1&label=nightly', 'text/csv')).text();
  const [head, line] = csv.split('\r\n');
  expect(head).toMatch(/^taskId,executor,labels,project,outcome,finishedAt,provider,model,/);
  expect(line).toMatch(/^graded,command,"\[""nightly""\]",shop,completed,.*,openai,gpt,2,42,8,0\.25,700,0\.25,2,/);
  const page = await live.bus.call(recordsList, { limit: 1 });
  expect(page.lines.map(({ taskId }) => taskId)).toEqual(['idle']);
  const next = await live.bus.call(recordsList, { limit: 5, before: page.next ?? '' });
  expect(next.lines.map(({ taskId }) => taskId)).toEqual(['plain', 'graded']);
  expect(next.next).toBeNull();
});

it('predicts by like tasks, and by estimates until there are enough of them', async () => {
  const spec = { executor: 'command', input: {}, labels: ['nightly'], project: 'shop' };
  expect(await live.bus.call(tasksEstimate, spec)).toMatchObject({
    basis: 'history',
    tasks: 1,
    usd: { median: '0.25', p90: '0.25' },
    tokens: { median: 50, p90: 50 },
    sessions: { median: 2, p90: 2 },
  });
  const estimated = { ...spec, estimates: { usd: '2', tokens: 900 } };
  expect(await live.bus.call(tasksEstimate, estimated)).toEqual({
    basis: 'estimates',
    tasks: 1,
    usd: { median: '2.00', p90: '2.00' },
    tokens: { median: 900, p90: 900 },
    seconds: null,
    sessions: null,
  });
  expect(await live.bus.call(tasksEstimate, { ...spec, project: 'else' })).toMatchObject({ basis: 'none', usd: null });
  expect((await live.create({ id: 'next', ...spec, executor: 'unheard' })).prediction).toMatchObject({ basis: 'none' });
});

it('says the five figures over REST and to Prometheus', async () => {
  const { figures } = await live.bus.call(figuresGet, {});
  expect(figures.map(({ name }) => name)).toEqual([
    'resource_efficiency',
    'resume_overhead',
    'context_preservation',
    'graceful_shutdowns',
    'completion_rate',
  ]);
  const response = await live.get('/v1/figures?since=2020-01-01T00:00:00Z');
  expect(await response.json()).toMatchObject({
    since: '2020-01-01T00:00:00.000Z',
    figures: expect.arrayContaining([
      { name: 'completion_rate', value: 2 / 3, target: 1, met: false, counted: '2 of 3 tasks were completed' },
      expect.objectContaining({ name: 'graceful_shutdowns', value: 1, met: true }),
    ]) as unknown,
  });
  expect((await live.get('/v1/figures?since=2999-01-01T00:00:00Z')).status).toBe(422);
  const metrics = await (await fetch(`${live.service.url}/metrics`)).text();
  expect(metrics).toContain('purser_success_figure{figure="graceful_shutdowns",service="orchestrator"} 1');
});
