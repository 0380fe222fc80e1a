import { taskSignalled } from '@purser/contracts';
import { expectNoChildren } from '@purser/testing';
import { TestRunner } from './runner.fixture.js';

let runner: TestRunner;

beforeAll(async () => {
  runner = await TestRunner.start();
});

afterAll(async () => {
  await runner?.stop();
  await expectNoChildren();
});

const sh = (script: string) => ({ argv: ['sh', '-c', script] });
const logOf = async (taskId: string) => (await runner.logOf(taskId)).map(({ stream, text }) => `${stream}: ${text}`);

it('wraps up a paused task and gives it back, with its checkpoint', async () => {
  const script = `: held; save() { echo '{"at":1}' > "$PURSER_STATE_DIR/n"; mv "$PURSER_STATE_DIR/n" "$PURSER_STATE_DIR/checkpoint.json"; exit 75; }
    trap save TERM; echo ready; while :; do sleep 0.05; done`;
  await runner.others.submit({ taskId: 'held', input: sh(script) });
  await runner.printed('held', 'ready');
  runner.others.verdicts.set('held', 'pause');
  const { outcome, checkpoint } = await runner.finishOf('held');
  expect(outcome).toEqual({ kind: 'released', reason: 'the task was paused' });
  expect(checkpoint?.number).toBe(1);
});

it('gives signals to the program at once, in order, and says which it was given', async () => {
  const signal = (number: number, payload: unknown) => ({ number, name: 'go', payload, at: '2026-11-29T00:00:00Z' });
  const script = `: signalled; echo ready; while [ "$(wc -l < "$PURSER_STATE_DIR/signals.jsonl")" -lt 3 ]; do sleep 0.05; done
    cat "$PURSER_STATE_DIR/signals.jsonl"`;
  runner.others.signals.set('signalled', [signal(4, 'from before')]);
  await runner.others.submit({ taskId: 'signalled', input: sh(script) });
  await runner.printed('signalled', 'ready');
  runner.others.signals.set('signalled', [signal(4, 'from before'), signal(5, 'two\nlines'), signal(6, { a: [1] })]);
  await runner.others.bus.publish(taskSignalled, 'signalled', {
    taskId: 'signalled',
    number: 6,
    name: 'go',
    by: 'ada',
  });
  const { outcome, signals } = await runner.finishOf('signalled');
  expect(outcome.kind).toBe('completed');
  expect(signals).toBe(6);
  const lines = (await logOf('signalled')).flatMap((line) => /^stdout: (\{.*)$/.exec(line)?.[1] ?? []);
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    signal(4, 'from before'),
    signal(5, 'two\nlines'),
    signal(6, { a: [1] }),
  ]);
});

it('goes on from what a failed task left when it is a retry of it, and from nothing when it is not', async () => {
  const leaves = `echo '{"at":7}' > "$PURSER_STATE_DIR/n"; mv "$PURSER_STATE_DIR/n" "$PURSER_STATE_DIR/checkpoint.json"
    echo draft > "$HOME/notes"; echo '# Do the rest' > "$PURSER_HANDOFF"; exit 3`;
  const tells = `echo "resume $PURSER_RESUME"; cat "$PURSER_STATE_DIR/checkpoint.json" "$PURSER_HANDOFF" "$HOME/notes"; exit 0`;
  await runner.others.submit({ taskId: 'broken', input: sh(leaves) });
  expect((await runner.finishOf('broken')).outcome.kind).toBe('failed');
  await runner.others.submit({ taskId: 'broken-r1', input: sh('exit 3'), continues: ['broken'] });
  await runner.finishOf('broken-r1');
  await runner.others.submit({ taskId: 'broken-r2', input: sh(tells), continues: ['broken-r1', 'broken'] });
  await runner.finishOf('broken-r2');
  const told = await logOf('broken-r2');
  expect(told).toEqual(expect.arrayContaining(['stdout: resume 1', 'stdout: {"at":7}', 'stdout: draft']));
  await runner.others.submit({ taskId: 'broken-r3', input: sh(tells) });
  await runner.finishOf('broken-r3');
  expect(await logOf('broken-r3')).toContain('stdout: resume 0');
});

it('does not do again what the task that it goes on from did, and is told what nobody knows the outcome of', async () => {
  const post = (path: string, body: object) =>
    `curl -s -X POST -H 'content-type: application/json' -d '${JSON.stringify(body)}' "$PURSER_CONTROL_URL/effects/${path}"; echo`;
  const did = [
    post('begin', { key: 'mail' }),
    post('finish', { key: 'mail', result: 7 }),
    post('begin', { key: 'pay' }),
  ];
  await runner.others.submit({ taskId: 'mailed', input: sh(`${did.join('; ')}; exit 3`) });
  await runner.finishOf('mailed');
  const asks = ['mail', 'pay', 'new'].map((key) => post('begin', { key })).join('; ');
  await runner.others.submit({ taskId: 'mailed-r1', input: sh(asks), continues: ['mailed'] });
  await runner.finishOf('mailed-r1');
  const answers = (await logOf('mailed-r1')).flatMap((line) => /^stdout: (\{.*)$/.exec(line)?.[1] ?? []);
  expect(answers.map((answer) => JSON.parse(answer) as unknown)).toMatchObject([
    { state: 'done', result: 7 },
    { state: 'unknown', epoch: 1 },
    { state: 'begun' },
  ]);
});
