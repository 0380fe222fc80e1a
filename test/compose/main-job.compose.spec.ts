import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { freePort } from '@purser/embedded';
import { eventually } from '@purser/testing';
import { connect } from '@nats-io/transport-node';
import { countingAgent, tickingAgent } from '../agents.js';

const run = promisify(execFile);
jest.setTimeout(900_000);

const project = `purser-test-${process.pid}`;
const files = ['-f', 'docker-compose.yml', '-f', 'test/compose/override.yml'];
const scale = ['--scale', 'agent-runner=3', '--scale', 'model-gateway=2'];

interface Task {
  state: string;
  epoch: number;
  result: Record<string, unknown>;
  sessions: { runner: string; outcome: string | null }[];
}

interface Container {
  Name: string;
  Service: string;
  ID: string;
  Publishers: { URL: string; PublishedPort: number }[] | null;
}

/** The main job from outside, through the published ports of the containers. */
describe('docker compose up', () => {
  let env: NodeJS.ProcessEnv;
  let adminKey: string;

  const compose = async (...args: string[]): Promise<string> => {
    const { stdout } = await run('docker', ['compose', '-p', project, ...files, ...args], {
      env,
      maxBuffer: 64 * 2 ** 20,
    });
    return stdout;
  };

  const containers = async (): Promise<Container[]> =>
    (await compose('ps', '--format', 'json'))
      .split('\n')
      .filter(Boolean)
      .flatMap((line) => JSON.parse(line) as Container | Container[]);

  const api = async <Body = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    port = env.PURSER_API_PORT,
  ) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${adminKey}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(20_000),
    });
    return { status: response.status, headers: response.headers, body: (await response.json()) as Body };
  };

  const taskIn = (id: string, state: string, timeoutMs = 60_000): Promise<Task> =>
    eventually(
      async () => {
        const { body } = await api<Task>('GET', `/v1/tasks/${id}`);
        if (body.state !== state) throw new Error(`${id}: ${JSON.stringify(body)}`);
        return body;
      },
      { timeoutMs, everyMs: 200 },
    );

  beforeAll(async () => {
    const [gateway, control, nats, models] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
    env = {
      ...process.env,
      PURSER_GATEWAY_PORT: String(gateway),
      PURSER_API_PORT: String(control),
      PURSER_NATS_PORT: String(nats),
      TEST_MODELS_PORT: String(models),
    };
    try {
      await compose('up', '--build', '--detach', '--wait', '--wait-timeout', '240', ...scale);
    } catch (error) {
      const logs = await compose('logs', '--no-color', '--tail', '40').catch(() => '');
      throw new Error(`compose up failed: ${(error as { stderr?: string }).stderr?.slice(-2_000)}\n${logs}`, {
        cause: error,
      });
    }
    adminKey = (await compose('exec', '-T', 'orchestrator', 'purser', 'key')).trim();
  });

  afterAll(async () => {
    await compose('down', '--volumes', '--timeout', '40');
  });

  it('runs three runners and two gateways, all as an unprivileged user', async () => {
    const all = await containers();
    const count = (service: string) => all.filter((one) => one.Service === service).length;
    expect(count('agent-runner')).toBe(3);
    expect(count('model-gateway')).toBe(2);
    const ours = all.filter((one) => !['nats', 'postgres'].includes(one.Service));
    for (const { ID } of ours) {
      const { stdout } = await run('docker', ['exec', ID, 'id', '-u'], { env });
      expect(Number(stdout)).toBeGreaterThan(0);
    }
  });

  it('publishes its ports on 127.0.0.1 only', async () => {
    const published = (await containers())
      .flatMap((one) => one.Publishers ?? [])
      .filter((one) => one.PublishedPort !== 0);
    expect(published.length).toBeGreaterThanOrEqual(3);
    expect(new Set(published.map((one) => one.URL))).toEqual(new Set(['127.0.0.1']));
  });

  it('takes a plain publish from a NATS client with the URL for other tools', async () => {
    const url = new URL((await compose('exec', '-T', 'orchestrator', 'purser', 'key', '--nats')).trim());
    const nats = await connect({
      servers: `127.0.0.1:${env.PURSER_NATS_PORT}`,
      user: url.username,
      pass: url.password,
    });
    nats.publish(
      'tasks.submit',
      JSON.stringify({ id: 'published', executor: 'command', input: { argv: ['sh', '-c', 'echo from a container'] } }),
    );
    await nats.drain();
    expect((await taskIn('published', 'completed')).result).toMatchObject({
      output: expect.stringContaining('from a container') as string,
    });
  });

  it('continues an agent over its token limit, and both gateways take part', async () => {
    // As fast as a real model at least, so that the session's usage is seen before the work is done.
    await fetch(`http://127.0.0.1:${env.TEST_MODELS_PORT}/__script`, {
      method: 'POST',
      body: JSON.stringify({ behaviour: { latencyMs: 200 } }),
    });
    await api('POST', '/v1/tasks', {
      id: 'long-work',
      executor: 'command',
      input: { argv: countingAgent(18) },
      limits: { tokens: 100 },
      budgetUsd: '5',
    });
    const task = await taskIn('long-work', 'completed', 120_000);
    expect(task.result).toMatchObject({ units: 18 });
    expect(task.sessions.length).toBeGreaterThanOrEqual(3);
    const chat = { model: 'code_generation', max_tokens: 20, messages: [{ role: 'user', content: 'hello' }] };
    for (let call = 0; call < 8; call++)
      expect((await api('POST', '/v1/chat/completions', chat, env.PURSER_GATEWAY_PORT)).status).toBe(200);
    const { body } = await api<{ entries: { gateway: string }[] }>('GET', '/v1/ledger?limit=500');
    expect(new Set(body.entries.map((entry) => entry.gateway)).size).toBe(2);
  });

  it('runs a task elsewhere when its runner’s container is killed', async () => {
    await api('POST', '/v1/tasks', { id: 'orphan', executor: 'command', input: { argv: tickingAgent(150) } });
    const { sessions } = await taskIn('orphan', 'running');
    const victims = (await containers()).filter((one) => one.Service === 'agent-runner');
    const holder = victims.find((one) => sessions[0]?.runner.includes(one.ID.slice(0, 12)));
    expect(holder).toBeDefined();
    await run('docker', ['kill', '--signal', 'KILL', holder?.ID ?? ''], { env });
    const task = await taskIn('orphan', 'completed', 90_000);
    expect(task.epoch).toBeGreaterThan(1);
  });

  it('stops for an emergency and goes on after the reset', async () => {
    await api('POST', '/v1/tasks', { id: 'interrupted', executor: 'command', input: { argv: tickingAgent(80) } });
    await taskIn('interrupted', 'running');
    await api('POST', '/v1/emergency/trigger', { by: 'test', reason: 'drill' });
    await taskIn('interrupted', 'ready', 30_000);
    const chat = { model: 'demo-large', max_tokens: 10, messages: [{ role: 'user', content: 'x' }] };
    expect((await api('POST', '/v1/chat/completions', chat, env.PURSER_GATEWAY_PORT)).status).toBe(403);
    await api('POST', '/v1/emergency/reset', { by: 'test', reason: 'over' });
    await taskIn('interrupted', 'completed', 60_000);
  });
});
