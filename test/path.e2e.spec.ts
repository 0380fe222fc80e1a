import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { promisify } from 'node:util';
import { cleanEnvironment, eventually } from '@purser/testing';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import OpenAI from 'openai';
import { countingAgent, tickingAgent } from './agents.js';
import { System, type TaskSeen } from './system.js';

const run = promisify(execFile);
jest.setTimeout(120_000);

/** The path of the main job through five real processes, seen from outside only. */
describe('the main path', () => {
  let system: System;
  let nats: NatsConnection;
  const facts: { subject: string; event: { type: string; data: Record<string, unknown> } }[] = [];

  beforeAll(async () => {
    system = await System.start({ budgets: { budgets: [{ id: 'monthly', period: 'month', limitUsd: '20' }] } });
    nats = await connect({ servers: system.nats.url });
    nats.subscribe('>', {
      callback: (_error, message) => {
        if (/^(task|budget|alert|spend)\.|^emergency\.(shutdown|cleared|acknowledged)/.test(message.subject)) {
          facts.push({ subject: message.subject, event: JSON.parse(message.string()) as never });
        }
      },
    });
    await nats.flush();
  });

  afterAll(async () => {
    await nats?.close();
    await system?.stop();
  });

  const factSeen = (subject: string) =>
    eventually(() => facts.find((fact) => fact.subject === subject) ?? Promise.reject(new Error(`no ${subject}`)));
  const echo = (text: string) => ({ executor: 'command', input: { argv: ['sh', '-c', `echo ${text}`] } });

  it('takes a task from a program that knows nothing but the NATS text protocol', async () => {
    const payload = JSON.stringify({ id: 'from-socket', ...echo('hello') });
    const socket = connectSocket(Number(new URL(system.nats.url).port), '127.0.0.1');
    await once(socket, 'connect');
    socket.write(
      `CONNECT {"verbose":false}\r\nPUB tasks.submit ${Buffer.byteLength(payload)}\r\n${payload}\r\nPING\r\n`,
    );
    await once(socket, 'data');
    socket.destroy();

    const task = await system.taskIn('from-socket', 'completed');
    expect(task.result).toMatchObject({ exitCode: 0, output: expect.stringContaining('hello') as string });
    const completed = await factSeen('task.completed.from-socket');
    expect(completed.event).toMatchObject({
      specversion: '1.0',
      type: 'dev.purser.task.completed',
      data: { taskId: 'from-socket' },
    });
  });

  it('takes a task by NATS request, by REST and from the command line, and answers with it', async () => {
    const reply = await nats.request('tasks.create', JSON.stringify({ id: 'by-request', ...echo('one') }), {
      timeout: 5_000,
    });
    expect(reply.json()).toMatchObject({ id: 'by-request', state: 'ready' });

    const created = await system.api('POST', '/v1/tasks', { id: 'by-rest', ...echo('two') });
    expect(created).toMatchObject({ status: 201, body: { id: 'by-rest' } });

    const env = {
      ...cleanEnvironment(),
      PURSER_API_URL: system.url('orchestrator'),
      PURSER_ADMIN_KEY: await system.adminKey,
    };
    const cli = (...args: string[]) => run(process.execPath, ['apps/cli/bin/purser.mjs', ...args], { env });
    const submitted = await cli('task', 'submit', '--json', '--id', 'by-cli', '--', 'sh', '-c', 'echo three');
    expect(JSON.parse(submitted.stdout)).toMatchObject({ id: 'by-cli' });

    await Promise.all(['by-request', 'by-rest', 'by-cli'].map((id) => system.taskIn(id, 'completed')));
    expect((await cli('task', 'logs', 'by-cli')).stdout).toContain('three');
    expect((await cli('task', 'get', 'by-cli')).stdout).toContain('completed');
  });

  it('keeps what was published while the orchestrator was down', async () => {
    const orchestrator = system.instance('orchestrator');
    await orchestrator.kill();
    nats.publish('tasks.submit', JSON.stringify({ id: 'while-down', ...echo('kept') }));
    await nats.flush();
    await orchestrator.start();
    await system.taskIn('while-down', 'completed');
  });

  it('makes one task of the same id submitted twice', async () => {
    const spec = { id: 'twice', ...echo('once') };
    await Promise.all([system.api('POST', '/v1/tasks', spec), system.api('POST', '/v1/tasks', spec)]);
    nats.publish('tasks.submit', JSON.stringify(spec));
    const task = await system.taskIn('twice', 'completed');
    expect(task.sessions).toHaveLength(1);
    expect(facts.filter((fact) => fact.subject === 'task.created.twice')).toHaveLength(1);
  });

  it('answers a wrong task with 422 and the field, and a wrong plain publish with task.rejected; nothing is blocked', async () => {
    const wrong = await system.api<{ error: { code: string; message: string } }>('POST', '/v1/tasks', {
      ...echo('x'),
      priority: 12,
    });
    expect(wrong.status).toBe(422);
    expect(wrong.body.error).toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining('priority') as string,
    });

    nats.publish('tasks.submit', JSON.stringify({ id: 'misspelt', ...echo('x'), limts: { tokens: 5 } }));
    nats.publish('tasks.submit', 'not json at all');
    nats.publish('tasks.submit', JSON.stringify({ id: 'after-the-wrong-ones', ...echo('fine') }));
    const rejected = await factSeen('task.rejected.misspelt');
    expect(rejected.event.data).toMatchObject({ error: { message: expect.stringContaining('limts') as string } });
    await system.taskIn('after-the-wrong-ones', 'completed');
    await eventually(() => {
      if (
        !facts.some(
          (fact) => fact.subject.startsWith('task.rejected.') && fact.event.data.payload === 'not json at all',
        )
      )
        throw new Error('not rejected');
    });
  });

  it('refuses an input that its executor would not take, however it is handed in, and stores nothing', async () => {
    const wrong = { id: 'wrong-input', executor: 'command', input: { argv: 'ls' } };
    const naming = {
      code: 'invalid_request',
      message: expect.stringMatching(/input\.argv: .*as a list, such as/) as string,
    };
    const byRest = await system.api('POST', '/v1/tasks', wrong);
    expect(byRest).toMatchObject({ status: 422, body: { error: naming } });
    const byRequest = await nats.request('tasks.create', JSON.stringify(wrong), { timeout: 5_000 });
    expect(byRequest.json()).toMatchObject({ error: naming });
    const env = {
      ...cleanEnvironment(),
      PURSER_API_URL: system.url('orchestrator'),
      PURSER_ADMIN_KEY: await system.adminKey,
    };
    const byCli = run(process.execPath, ['apps/cli/bin/purser.mjs', 'task', 'submit', '--input', '{"argv":"ls"}'], {
      env,
    });
    await expect(byCli).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('input.argv') as string });
    nats.publish('tasks.submit', JSON.stringify(wrong));
    expect((await factSeen('task.rejected.wrong-input')).event.data).toMatchObject({ error: naming });
    expect(await system.api('GET', '/v1/tasks/wrong-input')).toMatchObject({ status: 404 });

    // Whether a runner to come has this executor cannot be known.
    const unknown = { id: 'for-another-runner', executor: 'elsewhere', input: { anything: 1 } };
    expect(await system.api('POST', '/v1/tasks', unknown)).toMatchObject({ status: 201, body: { state: 'ready' } });
    await system.api('POST', '/v1/tasks/for-another-runner/cancel', {});
  });

  it('refuses the control API without the key', async () => {
    const response = await fetch(`${system.url('orchestrator')}/v1/tasks`, {
      headers: { authorization: 'Bearer nonsense' },
    });
    expect(response.status).toBe(401);
  });

  it('serves an OpenAI client, streaming and not, and says which tier answered', async () => {
    const client = new OpenAI({
      baseURL: `${system.url('model-gateway')}/v1`,
      apiKey: await system.adminKey,
      maxRetries: 0,
    });
    const before = (await system.models.read()).counters;
    const { data, response } = await client.chat.completions
      .create({ model: 'code_generation', messages: [{ role: 'user', content: 'hello' }], max_tokens: 50 })
      .withResponse();
    expect(data.choices[0]?.message.content).toBeTruthy();
    expect(response.headers.get('x-purser-model')).toBe('demo-large');

    let streamed = '';
    const stream = await client.chat.completions.create({
      model: 'demo-large',
      messages: [{ role: 'user', content: 'hello' }],
      max_tokens: 50,
      stream: true,
    });
    for await (const chunk of stream) streamed += chunk.choices[0]?.delta.content ?? '';
    expect(streamed).toBe(data.choices[0]?.message.content);

    const billed = (await system.models.read()).counters.billedNano - before.billedNano;
    expect(billed > 0n).toBe(true);
    await eventually(async () => {
      const { body } = await system.api<{ entries: { amountUsd: string }[] }>('GET', '/v1/ledger?limit=2');
      const ledger = body.entries.reduce((sum, entry) => sum + BigInt(Math.round(Number(entry.amountUsd) * 1e9)), 0n);
      expect(ledger).toBe(billed);
    });
  });

  it('continues an agent that reaches its token limit in fresh sessions until the work is complete', async () => {
    await system.models.script({ latencyMs: 200 });
    await system.api('POST', '/v1/tasks', {
      id: 'long-work',
      executor: 'command',
      input: { argv: countingAgent(18) },
      limits: { tokens: 100 },
      budgetUsd: '5',
    });
    const task = await system.taskIn('long-work', 'completed', 60_000);
    await system.models.clearScript();
    expect(task.result).toMatchObject({ units: 18, numbers: Array.from({ length: 18 }, (_, index) => index + 1) });
    expect(task.sessions.length).toBeGreaterThanOrEqual(3);
    expect(task.sessions.slice(0, -1).every((session) => session.outcome === 'continued')).toBe(true);
    expect(Number(task.spentUsd)).toBeGreaterThan(0);
    // By the ledger, which has a call within a second.
    await eventually(async () => {
      const { body } = await system.api<TaskSeen>('GET', '/v1/tasks/long-work');
      const used = body.sessions.map(({ usage }) => usage);
      expect(body.usage.requests).toBeGreaterThanOrEqual(18);
      expect(used[0]?.inputTokens).toBeGreaterThan(0);
      expect(used[0]?.outputTokens).toBeGreaterThan(0);
      expect(used.reduce((sum, { requests }) => sum + requests, 0)).toBe(body.usage.requests);
    });

    const logs = await system.api<{ lines: { text: string; epoch: number }[] }>('GET', '/v1/tasks/long-work/logs');
    expect(logs.body.lines.filter((line) => line.text.startsWith('unit ')).map((line) => line.text)).toEqual(
      Array.from({ length: 18 }, (_, index) => `unit ${index + 1}`),
    );
    const handoff = await system.api<{ markdown: string }>('GET', '/v1/tasks/long-work/handoff');
    expect(handoff.body.markdown).toContain('long-work');
    await factSeen('task.continued.long-work');
  });

  it('falls to the free tier when a budget is used up, tells it on the bus, and never bills more', async () => {
    await system.api('PUT', '/v1/budgets/small', { scope: { project: 'small' }, period: 'total', limitUsd: '0.05' });
    const key = await system.api<{ secret: string }>('POST', '/v1/keys', { name: 'small project', project: 'small' });
    const before = (await system.models.read()).counters.billedNano;
    const tiers = new Set<string | null>();
    const ask = async () => {
      const answer = await system.chat(
        { model: 'code_generation', max_tokens: 100, messages: [{ role: 'user', content: 'work '.repeat(50) }] },
        key.body.secret,
      );
      expect(answer.status).toBe(200);
      tiers.add(answer.headers.get('x-purser-model'));
    };
    for (let round = 0; round < 12; round++) await Promise.all(Array.from({ length: 8 }, ask));
    expect([...tiers].sort()).toEqual(['demo-large', 'demo-small']);
    const billed = (await system.models.read()).counters.billedNano - before;
    expect(billed).toBeLessThanOrEqual(50_000_000n);
    expect(billed).toBeGreaterThan(40_000_000n);
    await factSeen('budget.warning.small');
    await eventually(() => {
      if (!facts.some((fact) => fact.subject.startsWith('alert.') && JSON.stringify(fact.event.data).includes('small')))
        throw new Error('no alert');
    });
  });

  it('stops everything on an emergency, refuses paid calls until the reset, and then goes on', async () => {
    await system.api('POST', '/v1/tasks', {
      id: 'interrupted',
      executor: 'command',
      input: { argv: tickingAgent(60) },
    });
    await eventually(async () => {
      expect((await system.api('GET', '/v1/tasks/interrupted/checkpoint')).status).toBe(200);
    });
    const triggered = await system.api('POST', '/v1/emergency/trigger', { by: 'test', reason: 'drill' });
    expect(triggered).toMatchObject({ status: 200, body: { active: true } });
    const stopped = await eventually(async () => {
      const { body } = await system.api<TaskSeen>('GET', '/v1/tasks/interrupted');
      if (body.state === 'running') throw new Error('still running');
      return body;
    });
    expect(stopped.state).toBe('ready');
    const refused = await system.chat({
      model: 'demo-large',
      max_tokens: 10,
      messages: [{ role: 'user', content: 'x' }],
    });
    expect(refused.status).toBe(403);
    await eventually(async () => {
      const { body } = await system.api<{ acknowledgements: { service: string; stopped: string[] }[] }>(
        'GET',
        '/v1/emergency',
      );
      expect(body.acknowledgements.map((one) => one.service).sort()).toEqual(
        expect.arrayContaining(['agent-runner', 'model-gateway', 'offload-manager', 'orchestrator']),
      );
      expect(JSON.stringify(body.acknowledgements)).toContain('interrupted');
    });

    const reset = await system.api('POST', '/v1/emergency/reset', { by: 'test', reason: 'drill over' });
    expect(reset).toMatchObject({ status: 200, body: { active: false } });
    await system.taskIn('interrupted', 'completed', 30_000);
    await eventually(async () =>
      expect(
        (await system.chat({ model: 'demo-large', max_tokens: 10, messages: [{ role: 'user', content: 'x' }] })).status,
      ).toBe(200),
    );
  });

  it('cancels a running task', async () => {
    await system.api('POST', '/v1/tasks', {
      id: 'unwanted',
      executor: 'command',
      input: { argv: tickingAgent(10_000) },
    });
    await system.taskIn('unwanted', 'running');
    await system.api('POST', '/v1/tasks/unwanted/cancel');
    await system.taskIn('unwanted', 'cancelled');
  });

  it('answers health, metrics and the NATS services protocol in every service', async () => {
    for (const name of ['cost-watchdog', 'model-gateway', 'orchestrator', 'agent-runner', 'offload-manager'] as const) {
      for (const path of ['/health/live', '/health/ready', '/metrics'])
        expect((await fetch(system.url(name) + path)).status).toBe(200);
    }
    const names = new Set<string>();
    for await (const reply of await nats.requestMany('$SRV.PING', '', { maxWait: 500 }))
      names.add(reply.json<{ name: string }>().name);
    expect([...names].sort()).toEqual([
      'agent-runner',
      'cost-watchdog',
      'model-gateway',
      'offload-manager',
      'orchestrator',
    ]);
    const vms = await system.api('GET', '/v1/vms');
    expect(vms).toMatchObject({ status: 200, body: { vms: [] } });
  });

  it('carries the traceparent of a request to the facts that follow from it', async () => {
    const trace = '0af7651916cd43dd8448eb211c80319c';
    await fetch(`${system.url('orchestrator')}/v1/tasks`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await system.adminKey}`,
        'content-type': 'application/json',
        traceparent: `00-${trace}-b7ad6b7169203331-01`,
      },
      body: JSON.stringify({ id: 'traced', ...echo('t') }),
    });
    const created = await factSeen('task.created.traced');
    expect(JSON.stringify(created.event)).toContain(trace);
  });
});
