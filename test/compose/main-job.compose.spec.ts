import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { connect } from '@nats-io/transport-node';
import { countingAgent, tickingAgent } from '../agents.js';
import { type Container, Stack, type Task } from './stack.js';

const run = promisify(execFile);
jest.setTimeout(900_000);

const project = `purser-test-${process.pid}`;
const files = ['-f', 'docker-compose.yml', '-f', 'test/compose/override.yml'];
const scale = ['--scale', 'agent-runner=3', '--scale', 'model-gateway=2'];

/** For `find`: whatever looks like a secret of Purser's. */
const SECRETS = ['-name', '*.url', '-o', '-name', '*.key', '-o', '-name', '*.password*', '-o', '-name', 'nats.conf'];

/** What an agent may want of the database. */
const STATEMENTS = [
  'SELECT * FROM ledger.entries',
  `UPDATE ledger.budgets SET limit_nano = 10 ^ 15`,
  'DELETE FROM ledger.entries',
  'TRUNCATE ledger.windows',
  'SELECT * FROM gateway.keys',
  `UPDATE gateway.keys SET revoked_at = NULL`,
  'SELECT * FROM tasks.tasks',
  'SELECT name FROM ledger.locks FOR UPDATE',
  'CREATE TABLE public.mine (id text)',
  'CREATE SCHEMA mine',
  'CREATE ROLE mine',
  'SET ROLE purser_cost_watchdog',
  'SELECT * FROM pg_authid',
  `COPY (SELECT 1) TO PROGRAM 'id'`,
];

/** An agent that looks for secrets, logs in to the database with what it finds, and tries what it must not do. */
const NOSY = `
  const { execFileSync } = require('node:child_process');
  const { readFileSync } = require('node:fs');
  const pg = require('/app/node_modules/pg');
  const find = ['/var', '/home', '/run', '/tmp', '/etc', '-readable', '-type', 'f', '(', ...${JSON.stringify(SECRETS)}, ')'];
  let found = '';
  try { found = execFileSync('find', find, { stdio: ['ignore', 'pipe', 'ignore'] }); } catch (error) { found = error.stdout; }
  const secrets = String(found).split('\\n').filter((file) => /purser/.test(file)).sort();
  (async () => {
    const url = readFileSync('/var/lib/purser/secrets/agent-runner.database.url', 'utf8').trim();
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows: [role] } = await client.query(
      'SELECT current_user AS name, NOT (rolsuper OR rolcreaterole OR rolcreatedb) AS plain FROM pg_roles WHERE rolname = current_user');
    const answers = [];
    for (const statement of ${JSON.stringify(STATEMENTS)})
      answers.push([statement, await client.query(statement).then(() => 'allowed', (error) => error.message)]);
    await client.end();
    console.log(JSON.stringify({ secrets, role, answers }));
  })();`;

/** The main job from outside, through the published ports of the containers. */
describe('docker compose up', () => {
  let stack: Stack;
  let env: NodeJS.ProcessEnv;
  const compose = (...args: string[]): Promise<string> => stack.compose(...args);
  const containers = (): Promise<Container[]> => stack.containers();
  const taskIn = (id: string, state: string, timeoutMs?: number): Promise<Task> => stack.taskIn(id, state, timeoutMs);
  const api = <Body = Record<string, unknown>>(method: string, path: string, body?: unknown, port?: string) =>
    stack.api<Body>(method, path, body, port);

  beforeAll(async () => {
    stack = await Stack.up({ project, files, scale });
    env = stack.env;
  });

  afterAll(async () => {
    await stack?.down();
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

  it('shows an agent its runner’s own secrets and role in the database, and nothing of the others', async () => {
    await api('POST', '/v1/tasks', { id: 'nosy', executor: 'command', input: { argv: ['node', '-e', NOSY] } });
    const { result } = await taskIn('nosy', 'completed');
    const seen = JSON.parse(String(result.output)) as { secrets: string[]; role: object; answers: [string, string][] };
    expect(seen.secrets).toEqual([
      '/var/lib/purser/secrets/agent-runner.database.url',
      '/var/lib/purser/secrets/agent-runner.nats.url',
    ]);
    expect(seen.role).toEqual({ name: 'purser_agent_runner', plain: true });
    const refused = seen.answers.map(([statement]) => [
      statement,
      expect.stringMatching(/permission denied/) as string,
    ]);
    expect(seen.answers).toEqual(refused);
    expect(refused).toHaveLength(STATEMENTS.length);
  });

  it('gives each service its own secrets alone, and the admin key to those who check it', async () => {
    const found = async (service: string) =>
      (await compose('exec', '-T', service, 'find', '/var/lib/purser', ...SECRETS)).trim().split('\n').sort();
    const own = (service: string) =>
      ['database', 'nats'].map((kind) => `/var/lib/purser/secrets/${service}.${kind}.url`);
    expect(await found('cost-watchdog')).toEqual(own('cost-watchdog'));
    expect(await found('offload-manager')).toEqual(own('offload-manager'));
    expect(await found('model-gateway')).toEqual(['/var/lib/purser/admin.key', ...own('model-gateway')]);
    expect(await found('orchestrator')).toEqual([
      '/var/lib/purser/admin.key',
      '/var/lib/purser/nats.url',
      ...own('orchestrator'),
    ]);
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

  it('goes on after a stop of everything, with the same volumes', async () => {
    await compose('down', '--timeout', '40');
    await stack.up();
    expect((await compose('exec', '-T', 'orchestrator', 'purser', 'key')).trim()).toBe(stack.adminKey);
    expect((await api<Task>('GET', '/v1/tasks/long-work')).body).toMatchObject({ state: 'completed' });
    await api('POST', '/v1/tasks', { id: 'after', executor: 'command', input: { argv: ['true'] } });
    await taskIn('after', 'completed');
    const chat = { model: 'demo-large', max_tokens: 10, messages: [{ role: 'user', content: 'x' }] };
    expect((await api('POST', '/v1/chat/completions', chat, env.PURSER_GATEWAY_PORT)).status).toBe(200);
  });
});
