import { execFile } from 'node:child_process';
import { access, chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sessionsArtifacts, sessionsCheckpoint, sessionsHandoff, sessionsLogs } from '@purser/contracts';
import type { RunningService } from '@purser/service';
import {
  createTestDatabase,
  eventually,
  expectNoChildren,
  GithubPulls,
  GitRemote,
  startTestNats,
  type TestDatabase,
  type TestNats,
} from '@purser/testing';
import { start } from './index.js';
import { OtherServices } from './other-services.fake.js';

const TOKEN = 'ghp_of-the-spec';

let nats: TestNats;
let database: TestDatabase;
let remote: GitRemote;
let github: GithubPulls;
let others: OtherServices;
let homes: Record<'a' | 'b', string>;
let runners: RunningService[] = [];

jest.setTimeout(60_000);

/** Each on a "host" of its own: they share the bus, the database and the remote, and nothing else. */
const startRunner = async (name: 'a' | 'b', more: Record<string, string> = {}) => {
  const runner = await start({
    PURSER_NATS_URL: nats.url,
    PURSER_DATABASE_URL: database.url,
    PURSER_HOME: homes[name],
    PURSER_CONFIG_DIR: join(homes[name], 'config'),
    PURSER_RUNNER_PORT: '0',
    PURSER_INSTANCE: `runner-${name}`,
    PURSER_GRACE_MS: '1500',
    PURSER_LOG_LEVEL: process.env.SPEC_LOG ?? 'silent',
    GITHUB_TOKEN: TOKEN,
    GITHUB_API_URL: github.url,
    ...more,
  });
  runners.push(runner);
  return runner;
};

const stopRunners = async () => {
  await Promise.all(runners.map((runner) => runner.close()));
  runners = [];
};

beforeAll(async () => {
  [nats, database, github] = await Promise.all([
    startTestNats(),
    createTestDatabase(),
    GithubPulls.start('acme/shop', TOKEN),
  ]);
});

beforeEach(async () => {
  const makeHome = async () => {
    const home = await mkdtemp(join(tmpdir(), 'purser-tree-'));
    await chmod(home, 0o755);
    return home;
  };
  [remote, others] = await Promise.all([
    GitRemote.start('acme/shop.git', { 'README.md': 'shop\n', '.gitignore': 'cache\n' }),
    OtherServices.start(nats.url),
  ]);
  homes = { a: await makeHome(), b: await makeHome() };
  github.pulls.length = 0;
});

afterEach(async () => {
  await stopRunners();
  await others.stop();
  await remote.stop();
  for (const home of Object.values(homes)) await rm(home, { recursive: true, force: true });
});

afterAll(async () => {
  await Promise.all([nats.stop(), database.drop(), github.stop()]);
  await expectNoChildren();
});

const sh = (script: string) => ({ argv: ['sh', '-c', script] });
const save = `save() { printf '"%s"' "$1" > "$PURSER_STATE_DIR/new" && mv "$PURSER_STATE_DIR/new" "$PURSER_STATE_DIR/checkpoint.json"; }`;

const submit = (taskId: string, script: string, more: object = {}) =>
  others.submit({
    taskId,
    input: sh(`${save}; ${script}`),
    workspace: { repository: remote.url, pullRequest: false, ...more },
  });

const finishOf = (taskId: string, number = 1) =>
  eventually(
    () => {
      const found = others.finishesOf(taskId)[number - 1];
      if (!found) throw new Error(`task ${taskId} was not finished ${number} times`);
      return found;
    },
    { timeoutMs: 20_000 },
  );

const logOf = async (taskId: string): Promise<string> => {
  const { lines } = await others.bus.call(sessionsLogs, { id: taskId });
  return lines.map(({ stream, text }) => `${stream}: ${text}`).join('\n');
};

it('hands a workspace over to a runner elsewhere by way of the remote', async () => {
  await startRunner('a');
  others.hold = 1;
  await submit(
    'moves',
    `if [ "$PURSER_RESUME" = 0 ]; then cat README.md; echo one > work.txt; save one; exit 75; fi
     cat work.txt "$PURSER_STATE_DIR/checkpoint.json"; git log --format=%s; echo two >> work.txt; git branch --show-current`,
  );
  expect(await finishOf('moves')).toMatchObject({ runner: 'runner-a', outcome: { kind: 'continue' } });
  const first = await remote.tip('purser/moves');
  expect(await remote.show('purser/moves', 'work.txt')).toBe('one');
  expect(await others.bus.call(sessionsCheckpoint, { id: 'moves' })).toMatchObject({ state: 'one', commit: first });
  const { markdown } = await others.bus.call(sessionsHandoff, { id: 'moves' });
  expect(markdown).toContain(`The branch purser/moves was pushed at ${first!.slice(0, 12)}.`);
  await stopRunners();
  await startRunner('b');
  await others.release();
  expect(await finishOf('moves', 2)).toMatchObject({ runner: 'runner-b', outcome: { kind: 'completed' } });
  expect(await logOf('moves')).toContain(
    'stdout: one\nstdout: "one"Work of session moves-s1\nstdout: Begin\nstdout: purser/moves',
  );
  expect(await remote.show('purser/moves', 'work.txt')).toBe('one\ntwo');
  expect(await remote.git('-C', remote.path, 'rev-list', '--count', 'purser/moves')).toBe('3');
  const { artifacts } = await others.bus.call(sessionsArtifacts, { id: 'moves' });
  expect(artifacts.find(({ kind }) => kind === 'commit')?.link).toBe(
    `${remote.url}#${await remote.tip('purser/moves')}`,
  );
});

it('goes on in the same folder on the same runner, with what git does not see, and anew where it is stale', async () => {
  await startRunner('a');
  await submit(
    'stays',
    `[ "$PURSER_EPOCH" = 2 ] && cat cache; echo kept > cache; echo "$PURSER_EPOCH" > n; [ "$PURSER_EPOCH" = 2 ] || exit 75`,
  );
  expect((await finishOf('stays', 2)).outcome.kind).toBe('completed');
  expect(await logOf('stays')).toContain('stdout: kept');

  // It says so, that it may be given the task again rather than another runner.
  await eventually(() => expect(others.claims.at(-1)?.holds).toContain('stays'));
  await stopRunners();
  await startRunner('a');
  await eventually(() => expect(others.claims.at(-1)?.holds).toEqual(['stays']));

  // While another runner had it, this one's folder has fallen behind, also in what was never committed.
  others.hold = 1;
  await submit(
    'wanders',
    `case "$PURSER_EPOCH" in
      1) echo 1 > cache; echo 1 > n; exit 75 ;;
      2) ls; echo 2 > n; exit 75 ;;
      3) test -e cache && echo stale; cat n ;;
     esac`,
  );
  await finishOf('wanders', 1);
  await stopRunners();
  await startRunner('b');
  await others.release();
  await finishOf('wanders', 2);
  await stopRunners();
  await startRunner('a');
  await others.release();
  expect((await finishOf('wanders', 3)).outcome).toMatchObject({ kind: 'completed', result: { output: '2\n' } });
});

it('does not overwrite what another pushed meanwhile: its session is lost', async () => {
  await startRunner('a');
  await submit(
    'raced',
    `save begun; echo mine > work.txt; echo ready; trap 'exit 75' TERM; while [ ! -e go ]; do sleep 0.05; done; exit 75`,
  );
  await eventually(async () => expect(await logOf('raced')).toContain('stdout: ready'));
  const theirs = await remote.commit('purser/raced', { 'work.txt': 'theirs\n' });
  others.verdicts.set('raced', 'cancel');
  await eventually(() => expect(others.keys.get('raced-s1')?.revoked).toBe(true), { timeoutMs: 20_000 });
  expect(others.finishesOf('raced')).toEqual([]);
  expect(await remote.tip('purser/raced')).toBe(theirs);
});

it('does not go on from a branch that lacks what the checkpoint belongs to', async () => {
  await startRunner('a');
  others.hold = 1;
  await submit('rewound', `[ "$PURSER_RESUME" = 1 ] && exit 0; echo 1 > n; save 1; exit 75`);
  await finishOf('rewound');
  const lost = await remote.tip('purser/rewound');
  await remote.git('-C', remote.path, 'branch', '--force', 'purser/rewound', 'main');
  await stopRunners();
  await startRunner('b');
  await others.release();
  const { outcome } = await finishOf('rewound', 2);
  expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'workspace' } });
  expect((outcome as { error: { message: string } }).error.message).toContain(
    `its state belongs to commit ${lost!.slice(0, 12)}, but the branch purser/rewound is at`,
  );
});

it('does not wait for a repository that does not answer when it is to stop', async () => {
  const silent = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  await startRunner('a');
  await submit('waits', 'true', { repository: `git://127.0.0.1:${port}/acme/shop.git` });
  await eventually(() => expect(others.sessionsOf('waits')).toHaveLength(1));
  const connected = await once(silent, 'connection');
  await stopRunners();
  expect((await finishOf('waits')).outcome).toEqual({ kind: 'released', reason: 'the runner shuts down' });
  (connected[0] as Socket).destroy();
  silent.close();
});

it('gives a push up when it is to stop, and has the task go on with it elsewhere or later', async () => {
  const hook = join(remote.path, 'hooks', 'pre-receive');
  await writeFile(hook, '#!/bin/sh\ntouch waiting; while [ ! -e go ]; do sleep 0.05; done\n', { mode: 0o755 });
  await startRunner('a');
  await submit('held-up', `[ "$PURSER_EPOCH" = 2 ] && exit 0; echo done > work.txt`);
  await eventually(() => access(join(remote.path, 'waiting')));
  await stopRunners();
  const { outcome } = await finishOf('held-up');
  expect(outcome.kind).toBe('released');
  expect((outcome as { reason: string }).reason).toMatch(/^the runner shuts down: .*could not be pushed/);
  await writeFile(join(remote.path, 'go'), '');
  await rm(hook);
  await startRunner('a');
  await others.release();
  expect(await finishOf('held-up', 2)).toMatchObject({ outcome: { kind: 'completed' } });
  expect(await remote.show('purser/held-up', 'work.txt')).toBe('done');
});

/** Runs with a git before the real one. */
const withGit = async (before: string, run: () => Promise<void>) => {
  const bin = join(homes.a, 'bin');
  await mkdir(bin);
  const { PATH } = process.env;
  await writeFile(join(bin, 'git'), `#!/bin/sh\n${before}\nPATH='${PATH}' exec git "$@"\n`, { mode: 0o755 });
  process.env.PATH = `${bin}:${PATH}`;
  await run().finally(() => (process.env.PATH = PATH));
};

it('waits for the commit of a large work tree', () =>
  withGit('case " $* " in *" add "*) sleep 6 ;; esac', async () => {
    await startRunner('a');
    await submit('large', 'echo much > work.txt; [ "$PURSER_EPOCH" = 2 ] || exit 75');
    expect((await finishOf('large')).outcome.kind).toBe('continue');
    expect(await remote.show('purser/large', 'work.txt')).toBe('much');
  }));

it('goes on from work that could not be pushed, where it is', () =>
  withGit(`case " $* " in *" bundle "*) [ -e '${homes.a}/may' ] || { echo no room >&2; exit 1; } ;; esac`, async () => {
    await startRunner('a');
    others.hold = 1;
    await submit('kept', '[ "$PURSER_EPOCH" = 2 ] && exec cat work.txt; echo one > work.txt; exit 75');
    expect((await finishOf('kept')).outcome.kind).toBe('continue');
    expect(await remote.tip('purser/kept')).toBeUndefined();
    await writeFile(join(homes.a, 'may'), '');
    await others.release();
    expect((await finishOf('kept', 2)).outcome).toMatchObject({ kind: 'completed', result: { output: 'one\n' } });
    expect(await remote.show('purser/kept', 'work.txt')).toBe('one');
  }));

/** Its first commit or bundle fails, and in its next session git gives no answer; the third goes on. */
const interrupted = async (taskId: string, git: string, script: string) => {
  const killed = `case " $* " in ${git} *" merge-base "*) [ ! -e '${homes.a}/slow' ] || kill -9 $$ ;; esac`;
  await withGit(killed, async () => {
    await startRunner('a');
    others.hold = 1;
    await submit(taskId, `[ "$PURSER_EPOCH" = 1 ] || ${script}; echo one > work.txt; exit 75`);
    expect((await finishOf(taskId)).outcome.kind).toBe('continue');
    await Promise.all(['may', 'slow'].map((name) => writeFile(join(homes.a, name), '')));
    await others.release();
    expect((await finishOf(taskId, 2)).outcome).toMatchObject({
      kind: 'failed',
      error: { code: 'workspace', message: expect.stringContaining('could not be looked at') as string },
    });
    await eventually(() => expect(others.claims.at(-1)?.holds).toContain(taskId));
    await rm(join(homes.a, 'slow'));
    await submit(taskId, script);
    expect((await finishOf(taskId, 3)).outcome).toMatchObject({ kind: 'completed', result: { output: 'one\n' } });
    expect(await remote.show(`purser/${taskId}`, 'work.txt')).toBe('one');
  });
};

it('keeps work that could not be pushed while git cannot say what is in the tree', () =>
  interrupted('slow', `*" bundle "*) [ -e '${homes.a}/may' ] || exit 1 ;;`, 'exec cat work.txt'));

it('keeps work that could not be committed while git cannot say what is in the tree', () =>
  interrupted('slower', `*" add --all "*) [ -e '${homes.a}/may' ] || exit 1 ;;`, 'exec cat work.txt'));

it('sets a tree aside that leads out of itself, with what may be in it', async () => {
  await startRunner('a');
  others.hold = 1;
  await submit(
    'linked',
    '[ "$PURSER_EPOCH" = 2 ] && exec ls; echo one > work.txt; ln -s /etc/hostname .git/link; exit 75',
  );
  await finishOf('linked');
  await others.release();
  expect((await finishOf('linked', 2)).outcome).toMatchObject({ result: { output: 'README.md\n' } });
  const [, name] = /left as (linked~2): \.git\/link may lead out/.exec(await logOf('linked')) ?? [];
  expect(await readFile(join(homes.a, 'workspaces', name!, 'work.txt'), 'utf8')).toBe('one\n');
});

it('begins from a branch other than the default, and says when the repository cannot be had', async () => {
  await remote.commit('next', { 'next.txt': 'next\n' });
  await startRunner('a', { PURSER_WORKSPACE_REPOSITORIES: `${remote.url.replace(/acme.*/, '')}, /elsewhere/` });
  await submit('based', `cat next.txt; git remote get-url origin`, { base: 'next' });
  expect((await finishOf('based')).outcome).toMatchObject({ result: { output: `next\n${remote.url}\n` } });
  expect(await remote.tip('purser/based')).toBeUndefined();
  await submit('nowhere', 'true', { base: 'none' });
  await submit('unknown', 'true', { repository: remote.url.replace('shop', 'none') });
  await submit('secret', 'true', { repository: 'https://ada:pw@forge.example/acme/shop.git' });
  await submit('foreign', 'true', { repository: 'https://forge.example/acme/shop.git' });
  const reason = async (taskId: string) =>
    ((await finishOf(taskId)).outcome as { error?: { message: string } }).error?.message;
  expect(await reason('nowhere')).toContain('it has no branch "none"');
  expect(await reason('unknown')).toContain('could not be fetched');
  expect(await reason('secret')).toContain('holds a password');
  expect(await reason('foreign')).toContain('takes only what begins with');
});

it('opens one pull request at the end, also when the answer is lost, and lists it with the task', async () => {
  await startRunner('a');
  github.loseAnswer = true;
  await submit(
    'proposed',
    `echo done > done.txt; printf '{"title": "Mend the till", "summary": "It counts again."}' > "$PURSER_STATE_DIR/result.json"`,
    { pullRequest: true },
  );
  expect((await finishOf('proposed')).outcome.kind).toBe('completed');
  expect(github.pulls).toEqual([
    expect.objectContaining({
      title: 'Mend the till',
      head: 'purser/proposed',
      base: 'main',
      body: expect.stringContaining('It counts again.') as string,
    }),
  ]);
  const { artifacts } = await others.bus.call(sessionsArtifacts, { id: 'proposed' });
  expect(artifacts.find(({ kind }) => kind === 'pull_request')?.link).toBe(github.pulls[0]?.html_url);
  // The same branch again, as after a runner that was killed before its finish was told.
  github.instead.push([503, { message: 'busy' }]);
  await submit('proposed', `echo again > done.txt`, { pullRequest: true });
  expect((await finishOf('proposed', 2)).outcome.kind).toBe('completed');
  expect(github.pulls).toHaveLength(1);
  await submit('idle', 'true', { pullRequest: true });
  await finishOf('idle');
  expect(await logOf('idle')).toContain('no pull request: nothing was changed');
});

it('completes without a pull request when GitHub refuses it, and shows nobody the token', async () => {
  await startRunner('a');
  github.instead.push([200, []], [403, { message: `no right for ${TOKEN}` }]);
  await submit('refused', `env; cat .git/config; echo x > x`, { pullRequest: true });
  expect((await finishOf('refused')).outcome.kind).toBe('completed');
  const log = await logOf('refused');
  expect(log).toContain('no pull request: GitHub said 403: no right for ***');
  expect(log).not.toContain(TOKEN);
});

it('leaves no credential where programs can look, and keeps the copies to itself', async () => {
  await startRunner('a');
  await submit('curious', `ls "\${HOME%/workspaces/*}/repositories" | grep -c . ; cat .git/config`);
  const { outcome } = await finishOf('curious');
  const { output } = (outcome as { result: { output: string } }).result;
  if (process.getuid?.() === 0) expect(output).toMatch(/^0\n/);
  expect(output).not.toMatch(/extraheader|credential/i);
  const { stdout } = await promisify(execFile)('stat', ['-c', '%a', join(homes.a, 'repositories')]);
  expect(stdout.trim()).toBe('700');
  expect(await readFile(join(homes.a, 'repositories', 'held', 'curious'), 'utf8')).toBe('1');
});
