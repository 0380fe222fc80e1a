import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ownPidNamespace } from '@purser/guard';
import type { CommandExecutor } from './command.executor.js';
import { chooseUser } from './run-as.js';
import { alive, aliveWith, createExecutor, TestSession, uniqueSleep, until } from './session.fixture.js';

let session: TestSession;
let sleep: string;
const running: Promise<unknown>[] = [];

/** Shell: a child, one in a session of its own, and one that was forked twice and has no parent left. */
const family = () =>
  `sleep ${sleep} & setsid sleep ${sleep} & (setsid sh -c 'sleep ${sleep} & sleep ${sleep} & wait' &) ;`;
const FAMILY = 4;
const processes = () => alive(`sleep ${sleep}`).filter((pid) => !alive('sh -c').includes(pid));
const isBelow = (pid: number, ancestor: number): boolean =>
  pid > 1 && (parentOf(pid) === ancestor || isBelow(parentOf(pid), ancestor));
const guards = () => alive('guard.ts').filter((pid) => parentOf(pid) === process.pid);
/** 0 for one that has ended. */
function parentOf(pid: number): number {
  try {
    return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  } catch {
    return 0;
  }
}

beforeEach(() => {
  sleep = uniqueSleep();
});

/** Ended in any case, so that a failing test leaves nothing running either. */
const run = (executor: CommandExecutor) => {
  const ended = executor.run(session);
  running.push(ended);
  return ended;
};

afterEach(async () => {
  session.killing.abort('the test is over');
  await Promise.allSettled(running.splice(0));
  const left = processes();
  for (const pid of aliveWith(`PURSER_SESSION_ID=${session.sessionId}`)) process.kill(pid, 'SIGKILL');
  session.remove();
  expect(left).toEqual([]);
});

const begin = (script: string) => (session = new TestSession(script));

// Where the machine forbids namespaces (or without root) both are the same.
describe.each(['best', 'processes'] as const)('isolation: %s', (isolation) => {
  const executor = () => createExecutor({ isolation });

  it('leaves nothing behind when the program ends', async () => {
    begin(`${family()} while [ ! -e go ]; do sleep 0.02; done`);
    const ended = run(executor());
    await until('the family', () => processes().length === FAMILY);
    writeFileSync(session.inWorkspace('go'), '');
    await expect(ended).resolves.toMatchObject({ kind: 'completed' });
    expect(processes()).toEqual([]);
  });

  it('lets the program wrap up, and asks to continue', async () => {
    begin(`trap 'echo wrapping; touch "$HOME/wrapped"; exit 75' TERM; ${family()} wait`);
    const ended = run(executor());
    await until('the family', () => processes().length === FAMILY);
    session.wrapping.abort('tokens 0.86 of its limit');
    await expect(ended).resolves.toEqual({
      kind: 'continue',
      reason: 'tokens 0.86 of its limit; it ended with exit code 75',
    });
    expect(session.text('stdout')).toEqual(['wrapping']);
    expect(existsSync(session.inWorkspace('wrapped'))).toBe(true);
    expect(processes()).toEqual([]);
  });

  it('counts death by the signal, and 143, as a continuation; exit 0 as done', async () => {
    const wrapped = async (script: string) => {
      const each = begin(`echo up; ${script}`);
      const ended = run(executor());
      await until('the program', () => each.text('stdout').length > 0);
      each.wrapping.abort('time');
      return ended.finally(() => each.remove());
    };
    await expect(wrapped(`exec sleep ${sleep}`)).resolves.toMatchObject({
      kind: 'continue',
      reason: 'time; it ended with SIGTERM',
    });
    await expect(wrapped(`trap 'exit 143' TERM; while :; do sleep 0.02; done`)).resolves.toMatchObject({
      kind: 'continue',
      reason: 'time; it ended with exit code 143',
    });
    await expect(wrapped(`trap 'exit 0' TERM; while :; do sleep 0.02; done`)).resolves.toMatchObject({
      kind: 'completed',
    });
  });

  it('kills everything when the grace period is over', async () => {
    begin(`trap '' TERM; ${family()} while :; do sleep 0.05; done`);
    session.graceMs = 300;
    const ended = run(executor());
    await until('the family', () => processes().length === FAMILY);
    session.wrapping.abort('time');
    await expect(ended).resolves.toEqual({
      kind: 'continue',
      reason: 'time; it did not end within 300 ms and was killed',
    });
    expect(processes()).toEqual([]);
  });

  it('kills everything at once when told to', async () => {
    begin(`trap '' TERM; ${family()} sleep ${sleep}`);
    const ended = run(executor());
    await until('the family', () => processes().length === FAMILY + 1);
    session.killing.abort('emergency 7');
    await expect(ended).resolves.toEqual({ kind: 'continue', reason: 'stopped: emergency 7' });
    expect(processes()).toEqual([]);
  });

  const runner = (aliveWithinMs?: number) => {
    const { taskId, sessionId, epoch, workspace, sessionDir, environment, graceMs, input } = session;
    const user = chooseUser(undefined, process.getuid?.() ?? -1);
    const order = {
      options: { user, inherit: [], isolation },
      session: { taskId, sessionId, epoch, workspace, sessionDir, environment, graceMs, input, aliveWithinMs },
    };
    const started = spawn(process.execPath, [join(__dirname, 'runner.fixture.mjs'), JSON.stringify(order)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    started.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const gone = new Promise((resolve) => started.once('close', resolve));
    running.push(gone);
    return { process: started, gone, said: () => said };
  };

  it('kills everything when the runner is killed', async () => {
    begin(`trap '' TERM; ${family()} sleep ${sleep}`);
    const { process: own, gone } = runner();
    await until('the family', () => processes().length === FAMILY + 1);
    own.kill('SIGKILL');
    await gone;
    await until('the end of the family', () => processes().length === 0);
  });

  it('kills everything when the runner stands still, which then says so', async () => {
    begin(`trap '' TERM; ${family()} sleep ${sleep}`);
    const { process: own, gone, said } = runner(1500);
    try {
      await until('the family', () => processes().length === FAMILY + 1);
      // Longer than it may be silent: it gives signs while it runs.
      await delay(2000);
      expect(processes()).toHaveLength(FAMILY + 1);
      own.kill('SIGSTOP');
      const stoppedAt = performance.now();
      await until('the end of the family', () => processes().length === 0);
      expect(performance.now() - stoppedAt).toBeLessThan(2500);
      own.kill('SIGCONT');
      await gone;
      expect(said()).toContain('"kind":"continue","reason":"the runner gave no sign of life for 1500 ms');
    } finally {
      own.kill('SIGKILL');
    }
  }, 20_000);

  it('lets a program go on that slept together with its guard and the runner', async () => {
    begin(`trap '' TERM; ${family()} sleep ${sleep}`);
    const { process: own } = runner(1500);
    try {
      await until('the family', () => processes().length === FAMILY + 1);
      const asleep = [own.pid!, ...alive('').filter((pid) => isBelow(pid, own.pid!))];
      for (const pid of asleep) process.kill(pid, 'SIGSTOP');
      await delay(4000);
      for (const pid of asleep) process.kill(pid, 'SIGCONT');
      await delay(2500);
      expect(processes()).toHaveLength(FAMILY + 1);
    } finally {
      own.kill('SIGKILL');
    }
    await until('the end of the family', () => processes().length === 0);
  }, 20_000);

  it('kills everything when the guard is killed, and says so', async () => {
    begin(`${family()} sleep ${sleep}`);
    const ended = run(executor());
    await until('the family', () => processes().length === FAMILY + 1);
    for (const pid of guards()) process.kill(pid, 'SIGKILL');
    await expect(ended).resolves.toMatchObject({ kind: 'failed', error: { code: 'guard_lost' } });
    expect(processes()).toEqual([]);
  });

  it('outlives signals to its own group', async () => {
    begin('echo up; while [ ! -e go ]; do sleep 0.02; done; echo done');
    const ended = run(executor());
    await until('the program', () => session.text('stdout').length > 0);
    expect(guards()).toHaveLength(1);
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(-guards()[0]!, name);
    writeFileSync(session.inWorkspace('go'), '');
    await expect(ended).resolves.toMatchObject({ kind: 'completed' });
    expect(session.text('stdout')).toEqual(['up', 'done']);
  });

  it('tells the memory of the whole tree, without the guard', async () => {
    begin(`(head -c 60000000 /dev/zero; sleep ${sleep}) | tail -c 60000000`);
    const own = executor();
    const ended = run(own);
    let mb: number | undefined;
    await until('60 MB in use', async () => (mb = (await own.memoryMb(session.sessionId)) ?? 0) > 55);
    expect(mb).toBeLessThan(80);
    session.killing.abort('enough');
    await ended;
    await expect(own.memoryMb(session.sessionId)).resolves.toBeUndefined();
  });

  it('tells the memory also of what left its group and its parent', async () => {
    begin(`(setsid sh -c '(head -c 60000000 /dev/zero; sleep ${sleep}) | tail -c 60000000' &); sleep ${sleep}`);
    const own = executor();
    const ended = run(own);
    await until('60 MB in use', async () => ((await own.memoryMb(session.sessionId)) ?? 0) > 55);
    session.killing.abort('enough');
    await ended;
  });

  it('has the kernel isolate it where that works', async () => {
    begin('sh -c "ls -d /proc/[0-9]*" | wc -l; readlink /proc/self/ns/pid');
    await run(executor());
    const namespace = await ownPidNamespace();
    const shared = isolation === 'processes' || namespace === undefined;
    expect(session.text('stdout')[1] === namespace).toBe(shared && namespace !== undefined);
  });
});

it('slows a flood down at its source instead of holding it', async () => {
  begin('i=0; while [ $i -lt 2000 ]; do head -c 65536 /dev/zero; i=$((i+1)); echo $i > count; done');
  session.log = () => new Promise(() => undefined);
  const ended = run(createExecutor());
  const written = () => Number(existsSync(session.inWorkspace('count')) && readFileSync(session.inWorkspace('count')));
  let before = -1;
  await until('the writer to stand still', async () => {
    await delay(200);
    const stands = before > 0 && written() === before;
    before = written();
    return stands;
  });
  expect(before).toBeLessThan(64);
  session.killing.abort('enough');
  await expect(ended).resolves.toMatchObject({ kind: 'continue' });
});

it('passes a flood on completely', async () => {
  begin('seq 1 300000');
  let sum = 0;
  session.log = (_stream, line) => void (sum += Number(line));
  await expect(run(createExecutor())).resolves.toMatchObject({ kind: 'completed' });
  expect(sum).toBe((300_000 * 300_001) / 2);
});
