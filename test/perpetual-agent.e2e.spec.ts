import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { environmentOf, runningPrograms } from '@purser/guard';
import { eventually } from '@purser/testing';
import { System, type TaskSeen } from './system.js';

jest.setTimeout(240_000);

const FOLDER = resolve('node_modules', 'typeorm');
const FILES = 2_000;
const MILESTONE = 250;

/** The work itself. `chain` is of all contents so far, in order: a unit too many, too few or twice would show for good. */
const WORK = `
  import { createHash } from 'node:crypto';
  import { readdirSync, readFileSync } from 'node:fs';
  import { join } from 'node:path';
  const folder = ${JSON.stringify(FOLDER)};
  const files = readdirSync(folder, { recursive: true })
    .filter((name) => /[.](js|ts)$/.test(name))
    .sort()
    .slice(0, ${FILES})
    .map((name) => join(folder, name));
  const first = { files: 0, lines: 0, imports: 0, chain: '' };
  const add = (sum, file) => {
    const content = readFileSync(file, 'utf8');
    return {
      files: sum.files + 1,
      lines: sum.lines + content.split('\\n').length,
      imports: sum.imports + (content.match(/\\b(import|require)\\b/g) ?? []).length,
      chain: createHash('sha256').update(sum.chain + content).digest('hex'),
    };
  };
`;

const inOneGo = `${WORK} console.log(JSON.stringify(files.reduce(add, first)));`;

const overSessions = (inbox: string): string => `${WORK}
  import { connect } from '${pathToFileURL(resolve('libs', 'agent', 'dist', 'index.js')).href}';
  const purser = await connect();
  const tell = async (files) => {
    const response = await fetch('${inbox}/' + files, { method: 'POST' });
    if (!response.ok) throw new Error('not taken: ' + response.status);
    return 'told';
  };
  // Whoever does not know whether it was told asks the other side.
  const unknown = async ({ key }) =>
    (await fetch('${inbox}/' + key.split('-')[1])).ok ? { done: 'told' } : undefined;
  const work = async (file, { state }) => {
    const sum = add(state, file);
    if (sum.files % ${MILESTONE} === 0) await purser.effect('milestone-' + sum.files, () => tell(sum.files), { unknown });
    await new Promise((resolve) => setTimeout(resolve, 5));
    return sum;
  };
  purser.done(await purser.units(files, work, { initial: first, saveEveryMs: 300 }));
`;

describe('a perpetual job with @purser/agent', () => {
  const told: string[] = [];
  const inbox = createServer((request, response) => {
    const key = (request.url ?? '').slice(1);
    if (request.method === 'POST') told.push(key);
    response.statusCode = request.method === 'POST' || told.includes(key) ? 200 : 404;
    response.end();
  });
  let system: System;

  beforeAll(async () => {
    inbox.listen(0, '127.0.0.1');
    await once(inbox, 'listening');
    system = await System.start();
    await system.launch('agent-runner', 'second-runner');
  });

  afterAll(async () => {
    await system?.stop();
    inbox.closeAllConnections();
    inbox.close();
  });

  const get = async () =>
    (await system.api<TaskSeen & { progress: { done?: number } | null }>('GET', '/v1/tasks/job')).body;
  const beyond = (done: number) =>
    eventually(
      async () => {
        const task = await get();
        if (task.state !== 'running' || (task.progress?.done ?? 0) < done)
          throw new Error(`${task.state} at ${task.progress?.done} of ${FILES}, in epoch ${task.epoch}`);
        return task;
      },
      { timeoutMs: 60_000, everyMs: 100 },
    );

  it('comes to the same over many sessions and deaths as it does in one go', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', inOneGo]);
    const expected = JSON.parse(stdout) as { files: number };
    expect(expected.files).toBe(FILES);
    const address = `http://127.0.0.1:${(inbox.address() as AddressInfo).port}`;
    await system.api('POST', '/v1/tasks', {
      id: 'job',
      executor: 'command',
      input: { argv: ['node', '--input-type=module', '-e', overSessions(address)] },
      limits: { seconds: 4 },
      retries: 20,
    });

    const first = (await beyond(200)).sessions.at(-1)!;
    const victim = system.instance(first.runner === 'second-runner' ? 'second-runner' : 'agent-runner');
    await victim.kill();
    await beyond(500);
    await victim.start();
    await system.instance('orchestrator').kill();
    await system.instance('orchestrator').start();
    const session = (await beyond(900)).sessions.at(-1)!;
    for (const { pid } of runningPrograms())
      if (environmentOf(pid)?.get('PURSER_SESSION_ID') === session.id) process.kill(pid, 'SIGKILL');

    const task = await system.taskIn('job', 'completed', 120_000);
    expect(task.result).toEqual(expected);
    const outcomes = task.sessions.map(({ outcome }) => outcome);
    expect(outcomes.length).toBeGreaterThanOrEqual(5);
    expect(outcomes).toEqual(expect.arrayContaining(['lost', 'continued', 'completed']));
    expect(told).toEqual(Array.from({ length: FILES / MILESTONE }, (_, index) => String((index + 1) * MILESTONE)));
  });
});
