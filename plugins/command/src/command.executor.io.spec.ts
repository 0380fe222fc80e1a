import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asRoot, createExecutor, TestSession, until } from './session.fixture.js';

const sessions: TestSession[] = [];
const begin = (script: ConstructorParameters<typeof TestSession>[0]) => {
  const session = new TestSession(script);
  sessions.push(session);
  return session;
};
const running: Promise<unknown>[] = [];
const run = (session: TestSession, options = {}) => {
  const ended = createExecutor(options).run(session);
  running.push(ended);
  return ended;
};
/** A text that matches; typed, where jest has `any`. */
const like = (pattern: RegExp): unknown => expect.stringMatching(pattern);
const exists = (session: TestSession, name: string) => existsSync(session.inWorkspace(name));
/** Shell: save stdin as a checkpoint the way the contract asks; wait until the spec lets it go on. */
const PRELUDE = `
  save() { cat > "$PURSER_STATE_DIR/new"; mv "$PURSER_STATE_DIR/new" "$PURSER_STATE_DIR/checkpoint.json"; }
  await() { while [ ! -e "$1" ]; do sleep 0.02; done; }
`;

/** Ended in any case, so that a failing test leaves nothing running either. */
afterEach(async () => {
  for (const session of sessions) session.killing.abort('the test is over');
  await Promise.allSettled(running.splice(0));
  for (const session of sessions.splice(0)) session.remove();
});

describe('what a program is given', () => {
  it('is the contract, its own variables, the gateway and a minimal environment', async () => {
    const session = begin({
      argv: ['sh', '-c', 'env; pwd; cat "$PURSER_INPUT"; echo; test -d "$PURSER_STATE_DIR" && echo folder'],
      env: { LEVEL: 'debug', HOME: '/elsewhere' },
    });
    process.env.PURSER_SPEC_SECRET = 'of-the-runner';
    await expect(run(session)).resolves.toMatchObject({ kind: 'completed' });
    delete process.env.PURSER_SPEC_SECRET;
    const printed = session.text('stdout');
    expect(printed).toEqual(
      expect.arrayContaining([
        'PURSER_TASK_ID=task-1',
        `PURSER_SESSION_ID=${session.sessionId}`,
        'PURSER_EPOCH=1',
        'PURSER_RESUME=0',
        'OPENAI_BASE_URL=http://127.0.0.1:8080/v1',
        'OPENAI_API_KEY=session-key',
        'LEVEL=debug',
        'HOME=/elsewhere',
        session.workspace,
        JSON.stringify(session.input),
        'folder',
      ]),
    );
    const names = printed.filter((line) => /^\w+=/.test(line)).map((line) => line.split('=')[0]);
    expect(names).not.toContain('PURSER_SPEC_SECRET');
    expect(names).not.toContain('JEST_WORKER_ID');
  });

  it('holds what the configuration lets through, and the workspace as home', async () => {
    const session = begin('echo "$HOME $PROXY_FOR_SPEC"');
    await run(session, { inherit: ['PROXY_FOR_SPEC'], environment: { PATH: process.env.PATH, PROXY_FOR_SPEC: 'p:1' } });
    expect(session.text('stdout')).toEqual([`${session.workspace} p:1`]);
  });

  it('can be opened as /dev/stdout and /dev/stderr', async () => {
    const session = begin('echo out > /dev/stdout; echo err > /dev/stderr');
    await expect(run(session)).resolves.toMatchObject({ kind: 'completed' });
    expect(session.text('stdout')).toEqual(['out']);
    expect(session.text('stderr')).toEqual(['err']);
  });

  it('is a folder inside the workspace when cwd is relative', async () => {
    const session = begin({ argv: ['pwd'], cwd: 'src' });
    mkdirSync(session.inWorkspace('src'));
    await run(session);
    expect(session.text('stdout')).toEqual([session.inWorkspace('src')]);
  });
});

describe('checkpoints, handoff and progress', () => {
  it('are taken while the program runs, each complete version once', async () => {
    const session = begin(`${PRELUDE}
      echo '{"step":1}' | save; await second
      printf '{"step":' > "$PURSER_STATE_DIR/checkpoint.json"; await third
      echo '{"step":2}' | save; echo '{"done":2,"total":4,"note":"half"}' > "$PURSER_STATE_DIR/progress.json"
      echo '# Do the rest' > "$PURSER_HANDOFF"; await end`);
    const ended = run(session);
    await until('the first checkpoint', () => session.checkpoints.length === 1);
    writeFileSync(session.inWorkspace('second'), '');
    await until('word of the incomplete one', () => session.text('purser').some((line) => line.includes('valid JSON')));
    writeFileSync(session.inWorkspace('third'), '');
    await until('the second checkpoint', () => session.checkpoints.length === 2);
    await until('progress', () => session.reported.length > 0);
    await until('the handoff', () => session.handoffs.length > 0);
    writeFileSync(session.inWorkspace('end'), '');
    await ended;
    expect(session.checkpoints).toEqual(['{"step":1}\n', '{"step":2}\n']);
    expect(session.reported).toEqual([{ done: 2, total: 4, note: 'half' }]);
    expect(session.handoffs).toEqual(['# Do the rest\n']);
  });

  it('are taken once more at the end', async () => {
    const session = begin(`${PRELUDE} echo '{"last":true}' | save; exit 75`);
    await expect(run(session)).resolves.toEqual({ kind: 'continue', reason: like(/exit 75/) });
    expect(session.checkpoints).toEqual(['{"last":true}\n']);
  });

  it('are put back for the next session, and not taken again unchanged', async () => {
    const session = begin(
      'cat "$PURSER_STATE_DIR/checkpoint.json" "$PURSER_HANDOFF"; echo "$PURSER_RESUME $PURSER_EPOCH"',
    );
    session.epoch = 2;
    session.resumeFrom = Buffer.from('{ "step": 7 }\n');
    session.handoff = '# Go on\n';
    await run(session);
    expect(session.text('stdout')).toEqual(['{ "step": 7 }', '# Go on', '1 2']);
    expect(session.checkpoints).toEqual([]);
    expect(session.handoffs).toEqual([]);
  });

  it('above 1 MiB are refused in words', async () => {
    const session = begin(`${PRELUDE} { printf '"'; head -c 1100000 /dev/zero | tr '\\0' a; printf '"'; } | save`);
    await run(session);
    expect(session.checkpoints).toEqual([]);
    expect(session.text('purser')).toEqual([expect.stringMatching(/checkpoint.json has 1100002 bytes.*1048576/)]);
  });

  it('are tried again when they could not be saved', async () => {
    const session = begin(`${PRELUDE} echo '{"a":1}' | save; await end`);
    session.refusals.push(new Error('the database is away'));
    const ended = run(session);
    await until('the checkpoint', () => session.checkpoints.length === 1);
    writeFileSync(session.inWorkspace('end'), '');
    await ended;
    expect(session.text('purser')).toEqual([expect.stringContaining('the database is away')]);
  });

  it('of a session that has been superseded stop it', async () => {
    const session = begin(`${PRELUDE} echo '{"a":1}' | save; sleep 1000`);
    session.refusals.push(Object.assign(new Error('epoch 1 is over'), { code: 'stale_epoch' }));
    await expect(run(session)).resolves.toEqual({
      kind: 'continue',
      reason: like(/a newer session owns the task/),
    });
  });
});

describe('how a session ends', () => {
  it('completed, with the last 4 KiB of the output', async () => {
    const session = begin('seq 1 2000');
    const result = (await run(session)) as { result: { output: string } };
    expect(result).toMatchObject({ kind: 'completed', result: { exitCode: 0 } });
    expect(result.result.output).toHaveLength(4096);
    expect(result.result.output.endsWith('1999\n2000\n')).toBe(true);
    expect(session.text('stdout')).toHaveLength(2000);
  });

  it('completed, with what the program left as its result', async () => {
    const session = begin(`echo '{"found":[1,2]}' > "$PURSER_STATE_DIR/result.json"`);
    await expect(run(session)).resolves.toEqual({ kind: 'completed', result: { found: [1, 2] } });
  });

  it('is no matter of the log, which may fail', async () => {
    const session = begin('echo one; echo two');
    session.log = (stream, line) => {
      if (stream !== 'purser') return Promise.reject(new Error('the database is away'));
      session.lines.push({ stream, line });
    };
    await expect(run(session)).resolves.toMatchObject({ kind: 'completed' });
    expect(session.text('purser')).toEqual(['2 lines could not be logged: the database is away']);
  });

  it.each([
    ['echo one >&2; echo two >&2; exit 3', 'exit_3', /exit code 3: one\ntwo$/],
    ['kill -SEGV $$', 'signal_SIGSEGV', /SIGSEGV/],
    ['kill -TERM $$', 'signal_SIGTERM', /SIGTERM/],
  ])('failed: %s', async (script, code, message) => {
    const result = await run(begin(script));
    expect(result).toEqual({ kind: 'failed', error: { code, message: like(message) } });
  });

  it.each([
    [{ argv: ['no-such-program-here'] }, 'not_found', /no program "no-such-program-here"/],
    [{ argv: ['/etc/passwd'] }, 'not_executable', /"\/etc\/passwd" may not be executed/],
    [{ argv: ['true'], cwd: 'missing' }, 'bad_cwd', /"missing" is no folder/],
    [{ argv: ['true'], cwd: '../elsewhere' }, 'bad_cwd', /leads out of the workspace/],
  ])('not started: %j', async (input, code, message) => {
    const result = await run(begin(input));
    expect(result).toEqual({ kind: 'failed', error: { code, message: like(message) } });
  });

  it('before the program starts when it is to stop already', async () => {
    const session = begin('touch started');
    session.wrapping.abort('tokens 0.86 of its limit');
    await expect(run(session)).resolves.toMatchObject({
      kind: 'continue',
      reason: like(/^tokens 0.86 of its limit; the program was not started/),
    });
    expect(exists(session, 'started')).toBe(false);
  });
});

describe('signals', () => {
  const signal = (number: number) => ({ number, name: 'go', payload: { n: number }, at: '2026-11-29T00:00:00Z' });

  it('are lines in a file of the program’s', async () => {
    const session = begin(
      `until grep -q '"number":2' "$PURSER_STATE_DIR/signals.jsonl"; do sleep 0.02; done; cat "$PURSER_STATE_DIR/signals.jsonl"`,
    );
    const ended = run(session);
    await until('the executor listens', () => session.listener !== undefined);
    for (const number of [1, 2]) await session.listener?.(signal(number));
    await expect(ended).resolves.toMatchObject({ kind: 'completed' });
    expect(session.text('stdout').map((line) => JSON.parse(line) as unknown)).toEqual([signal(1), signal(2)]);
    await expect(session.listener?.(signal(3))).rejects.toThrow('the program has ended');
  });

  it('are not written through a link, nor into a file that has another name', async () => {
    const session =
      begin(`cd "$PURSER_STATE_DIR"; touch "$HOME/mine"; rm signals.jsonl; ln -s "$HOME/mine" signals.jsonl; await_() { while [ ! -e "$HOME/$1" ]; do sleep 0.02; done; }
      echo linked; await_ next; rm signals.jsonl; ln "$HOME/mine" signals.jsonl; echo hard; await_ end; wc -c < "$HOME/mine"`);
    const ended = run(session);
    for (const said of ['linked', 'hard']) {
      await until(said, () => session.text('stdout').includes(said));
      await expect(session.listener?.(signal(1))).rejects.toThrow();
      writeFileSync(session.inWorkspace(said === 'linked' ? 'next' : 'end'), '');
    }
    await ended;
    expect(session.text('stdout').at(-1)).toBe('0');
    expect(session.text('purser')[0]).toMatch(/^signal 1 \("go"\) was not delivered: /);
  });
});

const describeAsRoot = asRoot ? describe : describe.skip;

describeAsRoot('started as root', () => {
  it('cannot read what is root’s alone, nor the environment of the runner', async () => {
    const session = begin({});
    const secret = join(session.root, 'admin.key');
    writeFileSync(secret, 'top secret', { mode: 0o600 });
    session.input.argv = ['sh', '-c', `id -u; cat ${secret}; cat /proc/${process.pid}/environ; touch mine`];
    await run(session);
    expect(session.text('stdout')).toEqual([String(nobodysId())]);
    expect(session.text('stderr').join()).toMatch(/admin.key: Permission denied/);
    expect(exists(session, 'mine')).toBe(true);
  });

  it('does not read it for the program either, through a link in place of a file', async () => {
    const session = begin({});
    const secret = join(session.root, 'secret.json');
    writeFileSync(secret, '{"key":"top secret"}', { mode: 0o600 });
    const links = ['checkpoint.json', 'handoff.md', 'result.json'].map((name) => `ln -s ${secret} ${name}`).join('; ');
    session.input.argv = ['sh', '-c', `cd "$PURSER_STATE_DIR"; ${links}`];
    const result = await run(session);
    expect(JSON.stringify([result, session.checkpoints, session.handoffs])).not.toContain('top secret');
    expect(readFileSync(secret, 'utf8')).toContain('top secret');
  });

  it('gives the program what a workspace held before', async () => {
    const session = begin('echo more >> notes/a.md && cat notes/a.md');
    mkdirSync(session.inWorkspace('notes'));
    writeFileSync(session.inWorkspace('notes/a.md'), 'first\n', { mode: 0o600 });
    await run(session);
    expect(session.text('stdout')).toEqual(['first', 'more']);
  });

  it('names the folder that the program may not enter', async () => {
    const session = begin('true');
    chmodSync(session.root, 0o700);
    const result = await run(session);
    expect(result).toMatchObject({ kind: 'failed', error: { code: 'unreachable_folder' } });
    expect(JSON.stringify(result)).toContain(`nobody) may not enter ${session.root};`);
  });
});

function nobodysId(): number {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith('nobody:'));
  return Number(line!.split(':')[2]);
}
