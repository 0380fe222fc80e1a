import { eventually } from '@purser/testing';
import { countingAgent, tickingAgent } from './agents.js';
import { System } from './system.js';

jest.setTimeout(120_000);

const UNITS = 12;

interface Record_ {
  final: boolean;
  sessions: number;
  usd: string;
  models: { model: string; requests: number; usd: string }[];
  grade: { grade: number | null; by: string } | null;
}

/** A task that is worth nothing without its paid model, on five real processes, and what is known of it afterwards. */
describe('a task that waits for its budget', () => {
  let system: System;

  beforeAll(async () => {
    const budget = { id: 'poor', scope: { project: 'poor' }, period: 'total', limitUsd: '0.03' };
    system = await System.start({ budgets: { budgets: [budget] } });
    await system.models.script({ outputTokens: 150, latencyMs: 20 });
  });
  afterAll(() => system?.stop());

  /** For want of money, after a session that had some. */
  const waits = (id: string) =>
    eventually(
      async () => {
        const { waiting, sessions } = await system.taskIn(id, 'paused');
        expect(waiting).toMatch(/^budget: "poor" .*purser budget set poor/);
        expect(sessions.length).toBeGreaterThan(0);
      },
      { timeoutMs: 30_000 },
    );
  const billed = async (model: string) =>
    (await system.models.read()).calls.filter(({ request }) => request.model === model).length;

  it('is wrapped up when no call fits any more, and paused with the budget’s name, whatever its program does', async () => {
    const grader = { argv: ['node', '-e', 'console.log(JSON.stringify({ grade: 0.75, why: "it counts" }))'] };
    const input = { argv: countingAgent(UNITS) };
    const spec = { id: 'units', executor: 'command', project: 'poor', paidOnly: true, maxSessions: 2, input, grader };
    expect((await system.api('POST', '/v1/tasks', spec)).status).toBe(201);
    const gives = { argv: ['node', '-e', countingAgent(UNITS)[2]!.replaceAll('continue; }', 'process.exit(9); }')] };
    const fails = { id: 'gives-up', executor: 'command', project: 'poor', paidOnly: true, input: gives };
    expect((await system.api('POST', '/v1/tasks', fails)).status).toBe(201);
    for (const id of ['units', 'gives-up']) await waits(id);
    expect(await billed('demo-small')).toBe(0);
  });

  it('lets others of the project go on with a free model meanwhile', async () => {
    const spec = { id: 'frugal', executor: 'command', project: 'poor', input: { argv: countingAgent(2) } };
    await system.api('POST', '/v1/tasks', spec);
    await system.taskIn('frugal', 'completed', 30_000);
    expect(await billed('demo-small')).toBe(2);
    await waits('units');
  });

  it('goes on from its checkpoint when the budget is raised, with paid models alone', async () => {
    const raised = { scope: { project: 'poor' }, period: 'total', limitUsd: '5', reason: 'spec' };
    expect((await system.api('PUT', '/v1/budgets/poor', raised)).status).toBe(200);
    for (const id of ['units', 'gives-up'])
      expect(await system.taskIn(id, 'completed', 30_000)).toMatchObject({
        result: { units: UNITS, numbers: Array.from({ length: UNITS }, (_, n) => n + 1) },
      });
    expect(await billed('demo-small')).toBe(2);
  });

  it('has a record of its models, sessions and grade, by which the next one is predicted', async () => {
    const record = await eventually(
      async () => {
        const { body } = await system.api<Record_>('GET', '/v1/tasks/units/record');
        return body.final ? body : Promise.reject(new Error('not final'));
      },
      { timeoutMs: 30_000 },
    );
    expect(record.models).toEqual([expect.objectContaining({ model: 'demo-large', usd: record.usd })]);
    expect(record.models[0]?.requests).toBeGreaterThanOrEqual(UNITS);
    expect(record.sessions).toBeGreaterThanOrEqual(2);
    expect(record.grade).toMatchObject({ grade: 0.75, by: 'node' });
    const like = { executor: 'command', project: 'poor', input: { argv: ['date'] } };
    await eventually(
      async () => {
        const { body } = await system.api('POST', '/v1/tasks/estimate', like);
        expect(body).toMatchObject({ basis: 'history', tasks: 3 });
      },
      { timeoutMs: 30_000 },
    );
  });

  it('counts in the five figures', async () => {
    const { body } = await system.api<{ figures: { name: string; value: number | null }[] }>('GET', '/v1/figures');
    const value = (name: string) => body.figures.find((figure) => figure.name === name)?.value;
    expect(value('context_preservation')).toBe(1);
    expect(value('graceful_shutdowns')).toBe(1);
    expect(value('completion_rate')).toBe(1);
    expect(value('resource_efficiency')).toBe(1);
    expect(value('resume_overhead')).toBeGreaterThan(0);
  });

  it('shows in them what a killed runner cost', async () => {
    const runner = system.instance('agent-runner');
    const spec = { id: 'ticks', executor: 'command', input: { argv: tickingAgent(40) } };
    await system.api('POST', '/v1/tasks', spec);
    await eventually(async () => {
      const { body } = await system.api<{ number: number }>('GET', '/v1/tasks/ticks/checkpoint');
      expect(body.number).toBeGreaterThan(1);
    });
    await runner.kill();
    await runner.start();
    const { sessions } = await system.taskIn('ticks', 'completed', 60_000);
    expect(sessions.map(({ outcome }) => outcome)).toEqual(['lost', 'completed']);
    const { body } = await system.api<{ figures: { name: string; value: number; met: boolean; counted: string }[] }>(
      'GET',
      '/v1/figures',
    );
    const figure = (name: string) => body.figures.find((one) => one.name === name);
    expect(figure('graceful_shutdowns')).toMatchObject({
      met: false,
      counted: expect.stringContaining('1 were lost') as string,
    });
    expect(figure('context_preservation')).toMatchObject({ value: 1, met: true });
    // What came before the checkpoint that was gone on from is not lost with the session.
    expect(figure('resource_efficiency')?.value).toBeLessThan(1);
    expect(figure('resource_efficiency')?.value).toBeGreaterThan(0);
  });
});
