import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  checkpointDamaged,
  emergencyAcknowledged,
  sessionsArtifacts,
  sessionsCheckpoint,
  sessionsContent,
  sessionsHandoff,
  sessionsLogs,
  taskHandedOff,
} from '@purser/contracts';
import { listProcesses } from '@purser/embedded';
import { keyHash, keyPrefix, type RunningService } from '@purser/service';
import {
  createTestDatabase,
  eventually,
  expectNoChildren,
  startTestNats,
  type TestDatabase,
  type TestNats,
} from '@purser/testing';
import { Client } from 'pg';
import { start } from './index.js';
import { OtherServices, sha256 } from './other-services.fake.js';

const GRACE_MS = 1_500;

let nats: TestNats;
let database: TestDatabase;
let others: OtherServices;
let home: string;
let runner: RunningService;

const startRunner = () =>
  start({
    PURSER_NATS_URL: nats.url,
    PURSER_DATABASE_URL: database.url,
    PURSER_HOME: home,
    PURSER_CONFIG_DIR: join(home, 'config'),
    PURSER_RUNNER_PORT: '0',
    PURSER_INSTANCE: 'runner-1',
    PURSER_GRACE_MS: String(GRACE_MS),
    PURSER_GATEWAY_URL: 'http://127.0.0.1:9/',
    PURSER_LOG_LEVEL: process.env.SPEC_LOG ?? 'silent',
  });

jest.setTimeout(30_000);

beforeAll(async () => {
  [nats, database, home] = await Promise.all([
    startTestNats(),
    createTestDatabase(),
    mkdtemp(join(tmpdir(), 'purser-runner-')),
  ]);
  // As the program's user has to come through when the specs run as root.
  await chmod(home, 0o755);
});

beforeEach(async () => {
  others = await OtherServices.start(nats.url);
  runner = await startRunner();
});

afterEach(async () => {
  await runner.close();
  await others.stop();
});

afterAll(async () => {
  await nats.stop();
  await database.drop();
  await rm(home, { recursive: true, force: true });
  await expectNoChildren();
});

const sh = (script: string) => ({ argv: ['sh', '-c', script] });

const logOf = async (taskId: string): Promise<string[]> => {
  const { lines } = await others.bus.call(sessionsLogs, { id: taskId });
  return lines.map(({ stream, text }) => `${stream}: ${text}`);
};

const printed = (taskId: string, line: string) =>
  eventually(async () => {
    expect(await logOf(taskId)).toContain(line);
  });

const finishOf = (taskId: string, number = 1, timeoutMs = 10_000) =>
  eventually(
    () => {
      const found = others.finishesOf(taskId)[number - 1];
      if (!found) throw new Error(`task ${taskId} was not finished ${number} times`);
      return found;
    },
    { timeoutMs },
  );

/** Processes of a task's program, as seen from outside. */
const processesOf = async (taskId: string) =>
  (await listProcesses()).filter(({ command }) => command.startsWith('sh -c') && command.includes(`: ${taskId};`));

const running = (taskId: string) => eventually(async () => expect(await processesOf(taskId)).not.toEqual([]));

const gone = (taskId: string) => eventually(async () => expect(await processesOf(taskId)).toEqual([]), { everyMs: 10 });

/** Works on until it is asked to wrap up. */
const works = (taskId: string) => sh(`: ${taskId}; trap 'exit 75' TERM; echo ready; while :; do sleep 0.05; done`);
const heedless = (taskId: string) => sh(`: ${taskId}; trap '' TERM; echo ready; while :; do sleep 0.05; done`);

/** Its program has set its traps. */
const atWork = async (taskId: string) => {
  await printed(taskId, 'stdout: ready');
  await running(taskId);
};

it('runs a program to its end, with a key of its own that dies with it', async () => {
  await others.submit({
    taskId: 'simple',
    priority: 8,
    ancestors: ['parent', 'root'],
    input: sh(
      'echo hello; echo oops >&2; printf \'{"key": "%s", "base": "%s", "api": ["%s", "%s"]}\' "$OPENAI_API_KEY" "$OPENAI_BASE_URL" "$PURSER_API_URL" "$PURSER_API_KEY" > "$PURSER_STATE_DIR/result.json"',
    ),
  });
  const { outcome, runner: by, epoch } = await finishOf('simple');
  expect(outcome).toMatchObject({ kind: 'completed', result: { base: 'http://127.0.0.1:9/v1' } });
  expect({ by, epoch }).toEqual({ by: 'runner-1', epoch: 1 });
  const { key } = (outcome as { result: { key: string } }).result;
  expect(key).toMatch(/^psk_.{40,}$/);
  const known = await eventually(() => {
    expect(others.keys.get('simple-s1')?.revoked).toBe(true);
    return others.keys.get('simple-s1')!;
  });
  expect(keyPrefix(key)).toBe(known.proof?.prefix);
  expect(known.proof?.hash).toBe(keyHash(known.proof?.salt ?? '', key));
  // The control API takes the same key, and whose budgets its calls count against is the gateway's to know.
  expect(outcome).toMatchObject({ result: { api: ['http://127.0.0.1:8081', key] } });
  expect(known.ancestors).toEqual(['parent', 'root']);
  // Its calls are as important as its task.
  expect(known.priority).toBe(8);
  // A duration, not an instant: the gateway's clock may be another.
  expect(known.ttlMs).toBeGreaterThan(others.leaseMs - 1_000);
  expect(known.ttlMs).toBeLessThanOrEqual(others.leaseMs + 2_000);
  expect(await logOf('simple')).toEqual(expect.arrayContaining(['stdout: hello', 'stderr: oops']));
});

it('wraps up at the token limit, hands off, and goes on from the checkpoint to the end', async () => {
  const script = `
    save() { printf '{"step": %s}' "$1" > "$PURSER_STATE_DIR/new" && mv "$PURSER_STATE_DIR/new" "$PURSER_STATE_DIR/checkpoint.json"; }
    if [ "$PURSER_RESUME" = 1 ]; then
      echo "resumed from $(cat "$PURSER_STATE_DIR/checkpoint.json")"; cat notes
      grep -q 'tokens 0.86 of its limit' "$PURSER_HANDOFF" && echo 'handoff read'
      save 2; echo '{"done": 2, "total": 2}' > "$PURSER_STATE_DIR/progress.json"; exit 0
    fi
    echo kept > notes; save 1; echo '{"done": 1, "total": 2}' > "$PURSER_STATE_DIR/progress.json"
    trap 'exit 75' TERM; while :; do sleep 0.05; done`;
  await others.submit({ taskId: 'long', input: sh(script), limits: { tokens: 1000 } });
  await eventually(() => {
    const beat = others.heartbeats.flatMap(({ sessions }) => sessions).findLast(({ taskId }) => taskId === 'long');
    expect(beat).toMatchObject({ progress: { done: 1, total: 2 }, checkpoint: { number: 1 } });
  });
  others.tokens.set('long-s1', 860);
  const first = await finishOf('long');
  expect(first.outcome).toEqual({ kind: 'continue', reason: 'tokens 0.86 of its limit' });
  expect(first.progress).toEqual({ done: 1, total: 2 });
  expect(first.checkpoint).toEqual({ number: 1, digest: `sha256:${sha256('{"step": 1}')}` });

  const second = await finishOf('long', 2);
  expect(second).toMatchObject({ epoch: 2, outcome: { kind: 'completed' }, progress: { done: 2, total: 2 } });
  expect(await logOf('long')).toEqual(
    expect.arrayContaining(['stdout: resumed from {"step": 1}', 'stdout: kept', 'stdout: handoff read']),
  );
  expect(await others.bus.call(sessionsCheckpoint, { id: 'long' })).toMatchObject({ epoch: 2, state: { step: 2 } });
  await eventually(async () => {
    const metrics = await (await fetch(`${runner.url}/metrics`)).text();
    expect(metrics).toContain('purser_session_wraps_total{reason="tokens",service="agent-runner"} 1');
    expect(metrics).toContain('purser_sessions_running{service="agent-runner"} 0');
  });
  const handoff = await others.bus.call(sessionsHandoff, { id: 'long' });
  expect(handoff.epoch).toBe(1);
  expect(handoff.markdown).toContain('- tokens: 860');
  expect(handoff.markdown).toContain('number 1 of epoch 1, sha256:');
});

it('keeps the handoff document that the program wrote, and gives it to the next session', async () => {
  const script = `
    if [ "$PURSER_EPOCH" = 2 ]; then cat "$PURSER_HANDOFF"; exit 0; fi
    echo '# mine' > "$PURSER_HANDOFF"; exit 75`;
  await others.submit({ taskId: 'own-handoff', input: sh(script) });
  expect((await finishOf('own-handoff', 2)).outcome.kind).toBe('completed');
  expect(await logOf('own-handoff')).toContain('stdout: # mine');
});

it('gives a state of 20 MiB back to the next session as it was, and keeps the files that were left for people', async () => {
  const digest = `sha256sum "$PURSER_STATE_DIR/checkpoint.json" | cut -d' ' -f1`;
  const script = `
    if [ "$PURSER_RESUME" = 1 ]; then
      mkdir "$PURSER_STATE_DIR/artifacts"; ${digest} > "$PURSER_STATE_DIR/artifacts/digest.txt"; exit 0
    fi
    { printf '"'; head -c 15000000 /dev/urandom | base64 -w 0; printf '"'; } > "$PURSER_STATE_DIR/new"
    mv "$PURSER_STATE_DIR/new" "$PURSER_STATE_DIR/checkpoint.json"; ${digest}; exit 75`;
  await others.submit({ taskId: 'heavy', input: sh(script) });
  const first = await finishOf('heavy', 1, 25_000);
  expect(first).toMatchObject({ outcome: { kind: 'continue' }, checkpoint: { number: 1 } });
  expect((await finishOf('heavy', 2, 25_000)).outcome.kind).toBe('completed');
  const known = await others.bus.call(sessionsCheckpoint, { id: 'heavy' });
  expect(known).toMatchObject({ inline: false, state: null, size: 20_000_002, epoch: 1 });
  const hex = known.digest.replace('sha256:', '');
  expect(await logOf('heavy')).toContain(`stdout: ${hex}`);
  const { artifacts } = await others.bus.call(sessionsArtifacts, { id: 'heavy' });
  expect(artifacts.map(({ name, kind }) => `${kind} ${name}`)).toEqual(['file digest.txt', 'handoff handoff.md']);
  const { bytes } = await others.bus.call(sessionsContent, { id: 'heavy', artifact: 'digest.txt' });
  expect(Buffer.from(bytes, 'base64').toString().trim()).toBe(hex);
}, 60_000);

it('tells of a handoff, and of a damaged checkpoint, and goes on from the one before', async () => {
  const told: { type: string; data: object }[] = [];
  for (const name of [taskHandedOff.name, checkpointDamaged.name]) {
    others.bus.connection.subscribe(`${name}.damaged`, {
      callback: (_error, message) => void told.push(message.json<{ type: string; data: object }>()),
    });
  }
  const script = `
    save() { printf '"%s"' "$1" > "$PURSER_STATE_DIR/new" && mv "$PURSER_STATE_DIR/new" "$PURSER_STATE_DIR/checkpoint.json"; }
    if [ "$PURSER_EPOCH" = 1 ]; then save good; exit 75; fi
    if [ "$PURSER_EPOCH" = 2 ]; then save bad; exit 75; fi
    cat "$PURSER_STATE_DIR/checkpoint.json"`;
  others.hold = 2;
  await others.submit({ taskId: 'damaged', input: sh(script) });
  await finishOf('damaged', 2);
  const elsewhere = new Client({ connectionString: database.url });
  await elsewhere.connect();
  await elsewhere.query(`UPDATE sessions.checkpoints SET bytes = '"worse"' WHERE task_id = 'damaged' AND epoch = 2`);
  await elsewhere.end();
  await others.release();
  const { outcome } = await finishOf('damaged', 3);
  expect(outcome).toMatchObject({ kind: 'completed', result: { output: '"good"' } });
  await eventually(() =>
    expect(told.map(({ data }) => data)).toEqual([
      expect.objectContaining({ epoch: 1, by: 'purser', link: '/v1/tasks/damaged/handoff?epoch=1' }),
      expect.objectContaining({ epoch: 2, by: 'purser' }),
      expect.objectContaining({ taskId: 'damaged', epoch: 2, number: 1 }),
    ]),
  );
  expect((await logOf('damaged')).join('\n')).toMatch(
    /checkpoint 1 of epoch 2 is damaged .* the one before it is taken/,
  );
});

it('stops a program that goes on beyond its limit', async () => {
  await others.submit({ taskId: 'endless', input: heedless('endless'), limits: { seconds: 1 } });
  const { outcome } = await finishOf('endless');
  expect(outcome).toMatchObject({
    kind: 'continue',
    reason: expect.stringMatching(/^seconds \d\.\d\d of its limit$/) as string,
  });
  others.verdicts.set('endless', 'cancel');
  expect((await finishOf('endless', 2)).outcome.kind).toBe('released');
  await gone('endless');
});

it('starts without the gateway, and makes the key when that is back', async () => {
  others.deaf.add('keys.create');
  await others.submit({ taskId: 'keyless', input: works('keyless') });
  await atWork('keyless');
  expect(others.keys.has('keyless-s1')).toBe(false);
  others.deaf.delete('keys.create');
  await eventually(() => expect(others.keys.get('keyless-s1')?.renewals).toBeGreaterThan(0));
  others.verdicts.set('keyless', 'cancel');
  await finishOf('keyless');
});

it('kills a session whose write is refused since a newer one owns the task', async () => {
  const script = `: overtaken; n=0; echo ready; while :; do n=$((n+1)); echo $n > "$PURSER_STATE_DIR/new"
    mv "$PURSER_STATE_DIR/new" "$PURSER_STATE_DIR/checkpoint.json"; sleep 0.1; done`;
  await others.submit({ taskId: 'overtaken', input: sh(script) });
  await atWork('overtaken');
  const elsewhere = new Client({ connectionString: database.url });
  await elsewhere.connect();
  await elsewhere.query(`UPDATE sessions.fences SET epoch = 2, session_id = 'another' WHERE task_id = 'overtaken'`);
  await elsewhere.end();
  await gone('overtaken');
  await eventually(() => expect(others.keys.get('overtaken-s1')?.revoked).toBe(true));
  expect(others.finishesOf('overtaken')).toEqual([]);
});

it('kills what it has lost, and writes and finishes nothing', async () => {
  await others.submit({ taskId: 'stolen', input: works('stolen') });
  await atWork('stolen');
  others.verdicts.set('stolen', 'lost');
  await gone('stolen');
  await eventually(() => expect(others.keys.get('stolen-s1')?.revoked).toBe(true));
  expect(others.finishesOf('stolen')).toEqual([]);
  await expect(others.bus.call(sessionsHandoff, { id: 'stolen' })).rejects.toMatchObject({ code: 'not_found' });
});

// How long before the end is a rule, tested with a clock of its own in lease.spec.ts.
it('stops its sessions by itself when their leases cannot be renewed', async () => {
  others.leaseMs = 3_000;
  await others.submit({ taskId: 'cut-off', input: heedless('cut-off') });
  await atWork('cut-off');
  others.deaf.add('work.heartbeat').add('work.finish').add('work.claim');
  await gone('cut-off');
  others.deaf.clear();
  await eventually(() => expect(others.claims.length).toBeGreaterThan(1));
  expect(others.finishesOf('cut-off')).toEqual([]);
});

it('wraps up a cancelled task and gives it back', async () => {
  await others.submit({ taskId: 'unwanted', input: works('unwanted') });
  await atWork('unwanted');
  others.verdicts.set('unwanted', 'cancel');
  expect((await finishOf('unwanted')).outcome).toEqual({
    kind: 'released',
    reason: 'the task was cancelled, or its deadline has passed',
  });
  expect(await processesOf('unwanted')).toEqual([]);
});

it('stops everything in an emergency, says what, and takes nothing until it is over', async () => {
  const acknowledged: string[][] = [];
  others.bus.connection.subscribe(`${emergencyAcknowledged.name}.>`, {
    callback: (_error, message) => {
      acknowledged.push(message.json<{ data: { stopped: string[] } }>().data.stopped);
    },
  });
  await others.submit({ taskId: 'stubborn', input: heedless('stubborn') });
  await atWork('stubborn');
  await others.emergency('too expensive');
  await gone('stubborn');
  expect((await finishOf('stubborn')).outcome).toEqual({
    kind: 'released',
    reason: 'emergency: too expensive (by ada)',
  });
  await eventually(() => expect(acknowledged).toEqual([['session stubborn-s1 of task stubborn']]));
  const { markdown } = await others.bus.call(sessionsHandoff, { id: 'stubborn' });
  expect(markdown).toContain('too expensive');

  await others.submit({ taskId: 'later', input: sh('true') });
  const claims = others.claims.length;
  await new Promise((resolve) => setTimeout(resolve, 2_600)); // Longer than the runner's poll.
  expect(others.claims).toHaveLength(claims);
});

it('ends in an emergency also what changed its group, and what a killed runner left', async () => {
  const acknowledged: string[][] = [];
  others.bus.connection.subscribe(`${emergencyAcknowledged.name}.>`, {
    callback: (_error, message) => {
      acknowledged.push(message.json<{ data: { stopped: string[] } }>().data.stopped);
    },
  });
  // As after a kill of a runner and its guards: nobody holds it, it is orphaned, and it changed its group.
  const stateDir = join(home, 'sessions', 'of-a-killed-runner', 'lost-s1', 'state');
  const env = { ...process.env, PURSER_SESSION_ID: 'lost-s1', PURSER_STATE_DIR: stateDir };
  const orphan = `setsid sh -c ': left-over; while :; do sleep 0.05; done' > /dev/null 2>&1 &`;
  await promisify(execFile)('sh', ['-c', orphan], { env });
  await running('left-over');
  const input = sh(`: clan; (setsid sh -c ': clan; while :; do sleep 0.05; done' &); echo ready; wait`);
  await others.submit({
    taskId: 'clan',
    input: { argv: [...input.argv.slice(0, 2), `${input.argv[2]!}; sleep 1000`] },
  });
  await atWork('clan');
  await others.emergency('the whole clan');
  await gone('clan');
  await gone('left-over');
  await eventually(() =>
    expect(acknowledged).toEqual([['session clan-s1 of task clan', 'what was left over of session lost-s1']]),
  );
});

it('gives its sessions back at a shutdown, and leaves no folder of theirs', async () => {
  await others.submit({ taskId: 'moved', input: works('moved') });
  await atWork('moved');
  await runner.close();
  expect((await finishOf('moved')).outcome).toEqual({ kind: 'released', reason: 'the runner shuts down' });
  expect(await processesOf('moved')).toEqual([]);
  expect(await readdir(join(home, 'sessions'))).toEqual([]);
  expect(await readdir(join(home, 'workspaces'))).toContain('moved');
  runner = await startRunner();
});

it('fails what it cannot run, and says what is wrong with it', async () => {
  await others.submit({ taskId: 'wrong', input: { argv: [] } });
  await others.submit({ taskId: 'missing', input: { argv: ['no-such-program'] } });
  const wrong = await finishOf('wrong');
  expect(wrong.outcome).toMatchObject({ kind: 'failed', error: { code: 'invalid_input' } });
  expect((wrong.outcome as { error: { message: string } }).error.message).toContain('argv');
  expect((await finishOf('missing')).outcome).toMatchObject({ kind: 'failed', error: { code: 'not_found' } });
});
