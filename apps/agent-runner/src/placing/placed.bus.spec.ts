import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Bus } from '@purser/bus';
import { PurserError } from '@purser/contracts';
import { eventually } from '@purser/testing';
import { TestRunner } from '../runner.fixture.js';
import { FakeVms } from './vms.fake.js';

jest.setTimeout(240_000);

let gateway: Server;
let runner: TestRunner;
let vms: FakeVms;

beforeEach(async () => {
  gateway = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`data: ${request.url} ${body.length}\n\n`);
      setTimeout(() => response.end('data: [DONE]\n\n'), 100);
    });
  }).listen(0, '127.0.0.1');
  await once(gateway, 'listening');
  runner = await TestRunner.start({
    PURSER_GATEWAY_URL: `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`,
  });
  // Longer than this machine may stand still under load.
  runner.others.leaseMs = 30_000;
  vms = new FakeVms(runner.others.bus);
});

afterEach(async () => {
  await vms.close();
  await runner.stop();
  gateway.closeAllConnections();
  gateway.close();
});

const submit = (taskId: string, script: string, more: object = {}, input: object = {}) =>
  runner.others.submit({
    taskId,
    labels: ['placement:offload'],
    input: { argv: ['sh', '-c', script], ...input },
    ...more,
  });

const textOf = async (taskId: string) => (await runner.logOf(taskId)).map(({ text }) => text).join('\n');

const PATIENCE = { timeoutMs: 60_000 };
/** A VM takes longer than a process here. */
const finishOf = async (taskId: string, number = 1) => {
  await eventually(async () => {
    if (runner.others.finishesOf(taskId).length < number) throw new Error(`not finished: ${await textOf(taskId)}`);
  }, PATIENCE);
  return runner.finishOf(taskId, number);
};
const CHECKPOINT = `echo '{"step":1}' > "$PURSER_STATE_DIR/new" && mv "$PURSER_STATE_DIR/new" "$PURSER_STATE_DIR/checkpoint.json";`;

it('runs a program on a VM by the command contract, and the next session goes on from what it left', async () => {
  const script = `
    echo "$PURSER_EPOCH $PURSER_RESUME $OF_THE_IMAGE $MINE $(head -c 7 "$PURSER_INPUT")"
    echo "to stderr" >&2
    echo "epoch $PURSER_EPOCH" >> notes.txt
    head -c 300000 /dev/zero > body
    node -e '
      const { readFileSync } = require("node:fs");
      const ask = async (nth) => (await fetch(process.env.OPENAI_BASE_URL + "/chat/" + nth, { method: "POST", body: readFileSync("body") })).text();
      Promise.all([...Array(20).keys()].map(ask)).then((texts) => console.log("gateway " + texts.length + " " + texts[7].replaceAll("\\n", " ")));
      fetch(process.env.PURSER_CONTROL_URL + "/resources").then((answer) => console.log("control " + answer.status));
    '
    if [ "$PURSER_RESUME" = 1 ]; then
      mkdir "$PURSER_STATE_DIR/artifacts" && cp notes.txt "$PURSER_STATE_DIR/artifacts/"
      cp "$PURSER_STATE_DIR/checkpoint.json" "$PURSER_STATE_DIR/result.json"
      exit 0
    fi
    ${CHECKPOINT}
    exit 75`;
  await submit('whole', script, { project: 'lab' }, { env: { MINE: 'mine' }, memoryMb: 700 });
  const { outcome } = await finishOf('whole', 2);
  const text = await textOf('whole');
  if (outcome.kind !== 'completed') throw new Error(`${JSON.stringify(outcome)}\n${text}\n${vms.said.join('\n')}`);
  expect(outcome.result).toEqual({ step: 1 });
  expect(text).toContain('1 0 yes mine {"argv"');
  expect(text).toContain('2 1 yes mine {"argv"');
  expect(text).toContain('gateway 20 data: /v1/chat/7 300000  data: [DONE]');
  expect(text).toContain('control 200');
  expect(text).toContain('to stderr');
  expect(vms.wishes).toMatchObject([
    { session: 'whole-s1', task: 'whole', project: 'lab', memoryMb: 700 },
    { session: 'whole-s2' },
  ]);
  const [artifact] = await runner.query<{ size: number }>(
    `SELECT size FROM sessions.artifacts WHERE task_id = 'whole' AND name = 'notes.txt'`,
  );
  expect(Number(artifact?.size)).toBe('epoch 1\nepoch 2\n'.length);
  await eventually(() => expect(vms.alive).toEqual([]));
});

it('has the program wrap up when the session is asked to, and keeps what it saved then', async () => {
  const script = `
    wrap() { echo wrapping up; ${CHECKPOINT} exit 75; }
    trap wrap TERM
    echo started
    while :; do sleep 0.1; done`;
  await submit('wrapped', script);
  await eventually(() => runner.printed('wrapped', 'started'), PATIENCE);
  runner.others.verdicts.set('wrapped', 'pause');
  const { outcome, checkpoint } = await finishOf('wrapped');
  expect(outcome.kind).toBe('released');
  expect(checkpoint).toMatchObject({ number: 1 });
  expect(await textOf('wrapped')).toContain('wrapping up');
  await eventually(() => expect(vms.alive).toEqual([]));
});

it('gives what it is signalled to the program', async () => {
  await submit(
    'signalled',
    `until [ -s "$PURSER_STATE_DIR/signals.jsonl" ]; do sleep 0.1; done; cat "$PURSER_STATE_DIR/signals.jsonl"`,
  );
  runner.others.signals.set('signalled', [
    { number: 1, name: 'answer', payload: { yes: true }, at: new Date().toISOString() },
  ]);
  const { outcome } = await finishOf('signalled');
  expect(outcome).toMatchObject({
    kind: 'completed',
    result: { output: expect.stringContaining('"yes":true') as string },
  });
});

it('goes on from the last checkpoint when its VM is lost', async () => {
  runner.others.hold = 1;
  await submit('lost', `${CHECKPOINT} echo saved; sleep 600`);
  await eventually(async () => {
    const rows = await runner.query(`SELECT 1 FROM sessions.checkpoints WHERE task_id = 'lost'`);
    if (rows.length === 0) throw new Error(`nothing is saved: ${await textOf('lost')} ${vms.said.join(' ')}`);
  }, PATIENCE);
  vms.lives[0]?.end();
  const { outcome, checkpoint } = await finishOf('lost');
  expect(outcome).toMatchObject({ kind: 'continue', reason: expect.stringContaining('its VM was lost') as string });
  expect(checkpoint).toMatchObject({ number: 1 });
});

it('waits for money without which no VM is made, and says what else keeps one from being made', async () => {
  vms.refusal = new PurserError('budget_exhausted', { message: 'budget day does not cover it' });
  await submit('unpaid', 'true');
  expect((await finishOf('unpaid')).outcome).toMatchObject({ kind: 'continue', waitsFor: 'budget' });
  runner.others.hold = 0;
  vms.refusal = new PurserError('conflict', { message: 'no compute driver is configured' });
  await submit('undriven', 'true');
  expect((await finishOf('undriven')).outcome).toEqual({
    kind: 'failed',
    error: { code: 'no_vm', message: 'no compute driver is configured' },
  });
  expect(vms.lives).toEqual([]);
});

it('ends what the program leaves at work, and has its files when they are whole', async () => {
  const script = `
    (while :; do echo "line" >> busy.log; sleep 0.01; done) &
    echo $! > "$PURSER_STATE_DIR/result.json"
    head -c 3000000 /dev/urandom > made
    until [ -s busy.log ]; do sleep 0.01; done`;
  await submit('busy', script);
  const { outcome } = await finishOf('busy');
  if (outcome.kind !== 'completed') throw new Error(`${JSON.stringify(outcome)} ${await textOf('busy')}`);
  // Whoever inherits it may take a moment to see that it is dead.
  await eventually(() => expect(() => process.kill(outcome.result as number, 0)).toThrow('ESRCH'));
});

it('is not done when its files cannot be had', async () => {
  runner.others.hold = 1;
  await submit('unbrought', `cd / && rm -r "$HOME"`);
  expect((await finishOf('unbrought')).outcome).toMatchObject({
    kind: 'failed',
    error: {
      code: 'not_brought',
      message: expect.stringMatching(/the workspace stays as it was before: tar ended with 2: .*workspace/) as string,
    },
  });
});

it('tells how the program failed', async () => {
  await submit('failing', 'echo oh dear >&2; exit 3');
  expect((await finishOf('failing')).outcome).toEqual({
    kind: 'failed',
    error: { code: 'exit_3', message: '"sh" ended with exit code 3: oh dear' },
  });
});

it('has a VM end whose runner gives no sign of life any more', async () => {
  runner.others.leaseMs = 4_000;
  await submit('alone', 'echo started; sleep 600');
  await eventually(() => runner.printed('alone', 'started'), PATIENCE);
  expect(vms.alive).toHaveLength(1);
  vms.fallSilent();
  await runner.service.app.get(Bus).connection.close();
  await eventually(() => expect(vms.alive).toEqual([]), PATIENCE);
  expect(vms.said.join('\n')).toContain('its runner has given no sign of life');
});

it('measures the memory of the program where it is, against the limit of its task', async () => {
  runner.others.hold = 1;
  await submit('large', 'echo started; sleep 600', { limits: { memoryMb: 20 } });
  expect((await finishOf('large')).outcome).toMatchObject({
    kind: 'continue',
    reason: expect.stringContaining('memoryMb') as string,
  });
});
