import { join } from 'node:path';
import { eventually } from '@purser/testing';
import { listProcesses } from '@purser/embedded';
import { System, type TaskSeen } from './system.js';

jest.setTimeout(120_000);

const everything = join(process.cwd(), 'node_modules/@modelcontextprotocol/server-everything/dist/index.js');

interface Asked {
  messages: { role: string; content: string | null }[];
  tools?: { function: { name: string } }[];
}

/** The chat executor through the real gateway, runner and orchestrator; the model's words are scripted. */
describe('an agent that is a goal and a model', () => {
  let system: System;

  beforeAll(async () => {
    system = await System.start({ budgets: { budgets: [{ id: 'monthly', period: 'month', limitUsd: '20' }] } });
  });

  afterAll(async () => {
    await system?.stop();
  });

  beforeEach(() => system.models.clearScript());

  const says = (toolCalls: { name: string; arguments: Record<string, unknown> }[], reply = '') =>
    system.models.script({ reply, toolCalls }, { times: 1 });
  const call = (name: string, args: Record<string, unknown> = {}) => says([{ name, arguments: args }]);
  const finish = (result: unknown) => call('finish', { result });
  const submit = (id: string, input: object, more: object = {}) =>
    system.api('POST', '/v1/tasks', { id, executor: 'chat', input, budgetUsd: '5', ...more });
  const asked = async (): Promise<Asked[]> => (await system.models.read()).calls.map(({ request }) => request as never);
  const results = (request: Asked | undefined): (string | null)[] =>
    (request?.messages ?? []).filter(({ role }) => role === 'tool').map(({ content }) => content);
  const logOf = async (id: string): Promise<string> => {
    const { body } = await system.api<{ lines: { text: string }[] }>('GET', `/v1/tasks/${id}/logs`);
    return body.lines.map(({ text }) => text).join('\n');
  };

  it('works in its workspace with files, a shell and a server of tools; what it costs is metered', async () => {
    await says(
      [{ name: 'write_file', arguments: { path: 'numbers.txt', content: '40\n2\n' } }],
      'First I write the numbers down.',
    );
    await call('run_command', { command: "awk '{ sum += $1 } END { print sum }' numbers.txt" });
    await call('every__get-sum', { a: 40, b: 2 });
    await finish({ sum: 42 });
    await submit('sum', {
      goal: 'add the numbers',
      model: 'demo-large',
      tools: { files: true, shell: true },
      mcpServers: { every: { command: process.execPath, args: [everything, 'stdio'] } },
    });
    const task = await system.taskIn('sum', 'completed', 60_000);
    expect(task.result).toEqual({ sum: 42 });
    expect(results((await asked()).at(-1))).toEqual([
      'numbers.txt was made (5 bytes)',
      'exit code 0\n42\n',
      expect.stringContaining('42'),
    ]);
    expect(await logOf('sum')).toContain('First I write the numbers down.');
    await eventually(async () => {
      const { body } = await system.api<TaskSeen>('GET', '/v1/tasks/sum');
      expect(body.usage.requests).toBe(4);
      expect(Number(body.spentUsd)).toBeGreaterThan(0);
    });
  });

  it('refuses wrong input when it is handed in', async () => {
    await eventually(async () => {
      const { status, body } = await submit('wrong', { goal: 'x', tools: { files: 'write' } });
      expect(status).toBe(422);
      expect(JSON.stringify(body)).toContain('tools.files');
    });
  });

  it('hands off at its limit of tokens, and a fresh session goes on', async () => {
    await system.models.script({ toolCalls: [{ name: 'list_files', arguments: {} }], latencyMs: 300 });
    await submit(
      'limited',
      { goal: 'go on and on', model: 'demo-large', tools: { files: 'read' } },
      { limits: { tokens: 6_000 } },
    );
    await eventually(
      async () => {
        const { body } = await system.api<TaskSeen>('GET', '/v1/tasks/limited');
        if (body.sessions.length < 2) throw new Error('no second session yet');
      },
      { timeoutMs: 60_000, everyMs: 100 },
    );
    const handoff = await system.api<{ markdown: string }>('GET', '/v1/tasks/limited/handoff');
    await system.models.clearScript();
    await system.models.script({ toolCalls: [{ name: 'finish', arguments: { result: 'enough' } }] });
    const task = await system.taskIn('limited', 'completed', 30_000);
    expect(task.sessions[0]).toMatchObject({ outcome: 'continued', reason: expect.stringMatching(/tokens/) as string });
    expect(handoff.body.markdown).toContain('## Next action');
    expect(handoff.body.markdown).toContain('go on and on');
    expect(task.result).toBe('enough');
  });

  it('is carried on by another runner after a SIGKILL; a call that was running is told of, and not repeated', async () => {
    await system.launch('agent-runner', 'runner-2');
    // Seconds that nobody else sleeps.
    const sleep = `sleep 60${process.pid}`;
    await call('run_command', { command: `echo x >> counted; ${sleep}` });
    await submit('killed', { goal: 'count once', model: 'demo-large', tools: { files: true, shell: true } });
    await eventually(async () => expect(await logOf('killed')).toContain('run_command'), { timeoutMs: 30_000 });
    const sleeping = async () => (await listProcesses()).filter(({ command }) => command === sleep);
    await eventually(async () => expect(await sleeping()).toHaveLength(1));
    const [session] = (await system.api<TaskSeen>('GET', '/v1/tasks/killed')).body.sessions;
    await call('read_file', { path: 'counted' });
    await finish('counted');
    await system.instance(session!.runner === 'runner-2' ? 'runner-2' : 'agent-runner').kill();
    const task = await system.taskIn('killed', 'completed', 60_000);
    expect(task.sessions).toHaveLength(2);
    expect(task.sessions[1]!.runner).not.toBe(session!.runner);
    const [unknown, counted] = results((await asked()).at(-1));
    expect(unknown).toMatch(/^OUTCOME UNKNOWN/);
    expect(counted).toBe('x');
    await eventually(async () => expect(await sleeping()).toEqual([]));
  });
});
