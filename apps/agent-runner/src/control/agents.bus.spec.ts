import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { listProcesses } from '@purser/embedded';
import { eventually, expectNoChildren } from '@purser/testing';
import { TestRunner } from '../runner.fixture.js';

const EXAMPLES = join(__dirname, '../../../../examples/agents');
const ITEMS = Array.from({ length: 8 }, (_, index) => `item ${index + 1}`);

let runner: TestRunner;
/** What came to the address, in order. */
const delivered: string[] = [];
/** Items whose delivery gets no answer, and the answers that wait. */
const held = new Set<string>();
const waiting: ServerResponse[] = [];

const inbox = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk: Buffer) => (body += chunk.toString()));
  request.on('end', () => {
    delivered.push(body);
    if (held.has(body)) waiting.push(response);
    else response.end();
  });
});

jest.setTimeout(60_000);

beforeAll(async () => {
  inbox.listen(0, '127.0.0.1');
  await once(inbox, 'listening');
  runner = await TestRunner.start();
});

afterAll(async () => {
  await runner.stop();
  inbox.closeAllConnections();
  inbox.close();
  await expectNoChildren();
});

beforeEach(() => {
  delivered.length = 0;
  held.clear();
});

const hooks = join(__dirname, 'sources.fixture.mjs');
const agents = {
  bash: ['bash', join(EXAMPLES, 'deliver.sh')],
  python: ['python3', join(EXAMPLES, 'deliver.py')],
  node: [process.execPath, '--import', hooks, join(EXAMPLES, 'deliver.mjs')],
};

describe.each(Object.entries(agents))('an agent in %s', (name, argv) => {
  const submit = (taskId: string) => {
    const { port } = inbox.address() as AddressInfo;
    const command = [...argv, `http://127.0.0.1:${port}/${taskId}`, ...ITEMS];
    return runner.others.submit({ taskId, input: { argv: command }, limits: { tokens: 1000 } });
  };
  const arrived = (item: string) => eventually(() => expect(delivered).toContain(item));
  const letGo = (item: string) => {
    held.delete(item);
    for (const response of waiting.splice(0)) response.end();
  };

  it('is there to be run', () => {
    // A machine without it says so here, not by a timeout below.
    expect(execFileSync(argv[0]!, ['--version']).toString()).not.toBe('');
  });

  it('wraps up after the unit at hand, and goes on with the next one in a fresh session', async () => {
    const id = `${name}-wraps`;
    held.add('item 4');
    await submit(id);
    await arrived('item 4');
    runner.others.tokens.set(`${id}-s1`, 860);
    await eventually(async () => {
      expect((await runner.logOf(id)).map(({ text }) => text)).toContain('wrap up: tokens 0.86 of its limit');
    });
    letGo('item 4');
    const first = await runner.finishOf(id);
    expect(first).toMatchObject({ outcome: { kind: 'continue' }, progress: { done: 4, total: 8 } });
    const second = await runner.finishOf(id, 2);
    expect(second).toMatchObject({ epoch: 2, outcome: { kind: 'completed', result: { delivered: 8 } } });
    expect(delivered).toEqual(ITEMS);
  });

  it('repeats nothing after a kill, and is told of what nobody knows the outcome of', async () => {
    const id = `${name}-killed`;
    held.add('item 6');
    await submit(id);
    await arrived('item 6');
    for (const { pid, command } of await listProcesses())
      if (command.includes(`/${id} item 1`)) process.kill(pid, 'SIGKILL');
    expect((await runner.finishOf(id)).outcome).toMatchObject({ kind: 'failed' });
    letGo('item 6');
    await submit(id);
    expect((await runner.finishOf(id, 2)).outcome).toMatchObject({ kind: 'completed', result: { delivered: 8 } });
    expect(delivered).toEqual(ITEMS);
    const log = (await runner.logOf(id)).filter(({ epoch }) => epoch === 2).map(({ text }) => text);
    expect(log).toContain('nobody knows whether item 6 was delivered: look at the other side');
  });
});
