import { once } from 'node:events';
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sessionRefused, sessionsLogs } from '@purser/contracts';
import type { RunningService } from '@purser/service';
import {
  createTestDatabase,
  eventually,
  expectNoChildren,
  startTestNats,
  type TestDatabase,
  type TestNats,
} from '@purser/testing';
import { start } from '../index.js';
import { OtherServices } from '../other-services.fake.js';

jest.setTimeout(30_000);

let nats: TestNats;
let database: TestDatabase;
let home: string;
let others: OtherServices;
let runner: RunningService;
let gateway: Server;
/** What the model of the gateway was asked, and what it says. */
const asked: { key: string | undefined; body: { model: string; messages: { role: string; content: string }[] } }[] = [];
let says: { status: number; content: string };

beforeAll(async () => {
  [nats, database, home] = await Promise.all([
    startTestNats(),
    createTestDatabase(),
    mkdtemp(join(tmpdir(), 'purser-worth-')),
  ]);
  // As the program's user has to come through when the specs run as root.
  await chmod(home, 0o755);
  gateway = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      asked.push({ key: request.headers.authorization, body: JSON.parse(text) as (typeof asked)[number]['body'] });
      const { status, content } = says;
      const answer = status === 200 ? { choices: [{ message: { content } }] } : { error: { message: content } };
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
  }).listen(0, '127.0.0.1');
  await once(gateway, 'listening');
  others = await OtherServices.start(nats.url);
  runner = await start({
    PURSER_NATS_URL: nats.url,
    PURSER_DATABASE_URL: database.url,
    PURSER_HOME: home,
    PURSER_CONFIG_DIR: join(home, 'config'),
    PURSER_RUNNER_PORT: '0',
    PURSER_INSTANCE: 'runner-1',
    PURSER_GRACE_MS: '1500',
    PURSER_GATEWAY_URL: `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`,
    PURSER_LOG_LEVEL: 'silent',
  });
});

afterAll(async () => {
  await runner.close();
  await others.stop();
  gateway.close();
  await Promise.all([nats.stop(), database.drop()]);
  await rm(home, { recursive: true, force: true });
  await expectNoChildren();
});

const sh = (script: string) => ({ argv: ['sh', '-c', script] });
const answers42 = sh('echo 42 > answer; printf \'{"answer": 42}\' > "$PURSER_STATE_DIR/result.json"');
const finishOf = (taskId: string, number = 1) =>
  eventually(() => others.finishesOf(taskId)[number - 1] ?? Promise.reject(new Error(`${taskId} is not finished`)));
const printed = (taskId: string, line: string) =>
  eventually(async () => {
    const { lines } = await others.bus.call(sessionsLogs, { id: taskId });
    expect(lines.map(({ text }) => text)).toContain(line);
  });

describe('a session that waits for its budget', () => {
  const refuse = async (taskId: string, paidOnly = true) => {
    const fact = { taskId, sessionId: `${taskId}-s1`, paidOnly, budgets: ['daily'], needUsd: '0.01', resetsAt: null };
    await others.bus.publish(sessionRefused, fact.sessionId, fact);
    await others.bus.connection.flush();
  };

  it('has a key for paid models alone, is wrapped up when a call is refused, and is given back', async () => {
    await others.submit({
      taskId: 'poor',
      paidOnly: true,
      input: sh("trap 'exit 1' TERM; echo ready; while :; do sleep 0.05; done"),
    });
    await printed('poor', 'ready');
    expect(others.keys.get('poor-s1')).toMatchObject({ paidOnly: true });
    await refuse('poor');
    expect((await finishOf('poor')).outcome).toEqual({
      kind: 'released',
      reason: 'budget: "daily" does not cover its next call',
    });
  });

  it('does not fail though its program gives up by itself at that moment', async () => {
    await others.submit({
      taskId: 'gives-up',
      paidOnly: true,
      input: sh("trap '' TERM; echo ready; while [ ! -e go ]; do :; done; exit 1"),
    });
    await printed('gives-up', 'ready');
    const { workspace } = await workspaceOf('gives-up');
    await Promise.all([refuse('gives-up'), writeFile(join(workspace, 'go'), '')]);
    expect((await finishOf('gives-up')).outcome).toMatchObject({ kind: 'released' });
  });

  const workspaceOf = async (taskId: string) => {
    const root = join(home, 'workspaces');
    const name = (await readdir(root)).find((one) => one.includes(taskId));
    return { workspace: join(root, name ?? '') };
  };

  it('goes on where free models may do, and waits when it ends without being done', async () => {
    await others.submit({
      taskId: 'refused',
      input: sh("trap 'exit 9' TERM; echo ready; while [ ! -e go ]; do sleep 0.05; done; exit 1"),
    });
    await printed('refused', 'ready');
    const { workspace } = await workspaceOf('refused');
    await refuse('refused', false);
    await writeFile(join(workspace, 'go'), '');
    expect((await finishOf('refused')).outcome).toEqual({
      kind: 'continue',
      reason: expect.stringMatching(/^budget: "daily" does not cover its next call; exit/) as unknown,
      waitsFor: 'budget',
    });
  });

  it('leaves others alone: without paidOnly a program that fails has failed', async () => {
    await others.submit({ taskId: 'fails', input: sh('exit 1') });
    expect((await finishOf('fails')).outcome).toMatchObject({ kind: 'failed' });
  });
});

it('measures how a session went on from a checkpoint, and when it got on', async () => {
  const save = `save() { printf '{"step": %s}' "$1" > "$PURSER_STATE_DIR/new" && mv "$PURSER_STATE_DIR/new" "$PURSER_STATE_DIR/checkpoint.json"; }`;
  await others.submit({
    taskId: 'measured',
    input: sh(`${save}; if [ "$PURSER_RESUME" = 1 ]; then save 2; exit 0; fi; save 1; exit 75`),
  });
  const first = (await finishOf('measured')).measures;
  expect(first).toMatchObject({ resumed: null, killed: false, unsavedSeconds: 0, grade: null });
  const second = (await finishOf('measured', 2)).measures;
  expect(second).toMatchObject({ resumed: { epoch: 1, number: 1, intact: true }, killed: false });
  expect(second?.firstProgressSeconds).toBeGreaterThan(0);
  expect(second?.firstProgressSeconds).toBeLessThanOrEqual(second?.seconds ?? 0);
});

describe('grading', () => {
  it('asks a program in the workspace, which has the result before it', async () => {
    const check = `test "$(cat answer)" = 42 && grep -q '"answer":42' "$PURSER_STATE_DIR/checkpoint.json" && echo '{"grade": 0.9, "why": "it is 42"}'`;
    await others.submit({ taskId: 'graded', input: answers42, grader: { argv: ['sh', '-c', check] } });
    const { outcome, measures } = await finishOf('graded');
    expect(outcome).toEqual({ kind: 'completed', result: { answer: 42 } });
    expect(measures?.grade).toEqual({ grade: 0.9, why: 'it is 42', by: 'sh' });
  });

  it('leaves a task completed whose grader fails', async () => {
    await others.submit({
      taskId: 'ungraded',
      input: answers42,
      grader: { argv: ['sh', '-c', 'echo no >&2; exit 3'] },
    });
    const { outcome, measures } = await finishOf('ungraded');
    expect(outcome).toMatchObject({ kind: 'completed' });
    expect(measures?.grade).toMatchObject({ grade: null, why: expect.stringContaining('exit_3') as string });
  });

  it('does not grade what failed', async () => {
    await others.submit({ taskId: 'failed', input: sh('exit 1'), grader: { argv: ['echo', '1'] } });
    expect((await finishOf('failed')).measures?.grade).toBeNull();
  });

  it('asks a model over the gateway, with the key of the session', async () => {
    says = { status: 200, content: '```json\n{"grade": 0.4, "why": "too short"}\n```' };
    await others.submit({
      taskId: 'judged',
      input: answers42,
      grader: { model: 'judge', instructions: 'Is it the answer?' },
    });
    expect((await finishOf('judged')).measures?.grade).toEqual({ grade: 0.4, why: 'too short', by: 'judge' });
    const [call] = asked.splice(0);
    expect(call?.key).toMatch(/^Bearer psk_/);
    expect(call?.body.model).toBe('judge');
    expect(call?.body.messages[0]?.content).toContain('Is it the answer?');
    expect(call?.body.messages[1]?.content).toContain('{"answer":42}');
  });

  it('says why a model gave no grade', async () => {
    says = { status: 402, content: 'no tier is affordable' };
    await others.submit({ taskId: 'unjudged', input: answers42, grader: { model: 'judge', instructions: 'Well?' } });
    const { outcome, measures } = await finishOf('unjudged');
    expect(outcome).toMatchObject({ kind: 'completed' });
    expect(measures?.grade).toMatchObject({
      grade: null,
      why: expect.stringContaining('no tier is affordable') as string,
    });
  });
});
