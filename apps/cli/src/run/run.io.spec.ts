import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Database } from '@purser/database';
import { createTestDatabase, eventually, type TestDatabase } from '@purser/testing';
import { parse } from 'yaml';
import { Playground } from '../testing/purser-process.fixture.js';

jest.setTimeout(240_000);

const CI = { CI: 'true' };

interface Done {
  reason: string;
  tasks: { taskId: string; state: string; sessions: number; outcome: string | null }[];
  sessions: number;
  left: { ready: number; running: number };
}

/** Works through its units one by one, a checkpoint after each, for as long as it is let; says where it went on from. */
const COUNTER = `
  i=0; test -f "$PURSER_STATE_DIR/checkpoint.json" && i=$(tr -dc 0-9 < "$PURSER_STATE_DIR/checkpoint.json")
  echo "{\\"from\\":$i}" > "$PURSER_STATE_DIR/result.json"
  trap 'exit 75' TERM
  while [ $i -lt $1 ]; do
    i=$((i+1)); echo "{\\"i\\":$i}" > "$PURSER_STATE_DIR/new"; mv "$PURSER_STATE_DIR/new" "$PURSER_STATE_DIR/checkpoint.json"
    sleep 0.5 & wait $!
  done`;

describe('purser run --once', () => {
  let database: TestDatabase;
  const places: Playground[] = [];

  /** Each is a machine of its own; what they share is the database. */
  const machine = async () => {
    const place = await Playground.make();
    places.push(place);
    return { place, env: { PURSER_DATABASE_URL: database.url, PURSER_LEASE_MS: '3000', ...CI } };
  };
  const inDatabase = async <Row>(statement: string): Promise<Row[]> => {
    const tasks = await Database.connect({ url: database.url, schema: 'tasks', applicationName: 'purser run spec' });
    return tasks.query<Row>(statement).finally(() => tasks.close());
  };
  const submitted = async (place: Playground, env: NodeJS.ProcessEnv, tasks: string[][]) => {
    const purser = await place.up(env);
    for (const task of tasks) expect(await place.purser(['task', 'submit', ...task])).toMatchObject({ code: 0 });
    return purser;
  };

  beforeEach(async () => {
    database = await createTestDatabase();
  });

  afterEach(async () => {
    for (const place of places.splice(0)) await place.remove();
    await database.drop();
  });

  it('works until there is nothing to do, says what it did, and ends with code 0', async () => {
    const { place, env } = await machine();
    const later = ['--id', 'later', '--not-before', '2099-01-01T00:00:00Z', '--', 'true'];
    const before = await submitted(place, env, [
      ['--id', 'soon', '--not-before', '2098-01-01T00:00:00Z', '--', 'true'],
      ['--id', 'after', '--depends-on', 'soon', '--', 'sh', '-c', 'exit 3'],
      later,
    ]);
    before.signal('SIGINT');
    await before.end();
    await inDatabase(`UPDATE tasks SET available_at = now() + interval '15 seconds' WHERE id = 'soon'`);

    const done = await place.purser(['run', '--once', '--json', '--linger', '60s'], env);
    expect([done.code, done.err]).toEqual([0, expect.stringContaining('It works until there is nothing to do')]);
    const { reason, tasks, sessions, left } = JSON.parse(done.out) as Done;
    expect({ reason, sessions, left }).toMatchObject({
      reason: 'empty',
      sessions: 2,
      left: { ready: 0, running: 0, delayed: 1 },
    });
    expect(tasks.map(({ taskId, state }) => [taskId, state])).toEqual([
      ['after', 'failed'],
      ['soon', 'completed'],
    ]);
    expect(await place.processes()).toEqual([]);

    const again = await place.purser(['run', '--once'], env);
    expect([again.code, again.out]).toEqual([
      0,
      expect.stringMatching(
        /nothing is left to do now\.\nNo task was worked on\.\nLeft: 1 waiting for their time; the next is due at 2099/,
      ),
    ]);
  });

  it('hands off what runs when the time is over, and another machine goes on from its checkpoint', async () => {
    const one = await machine();
    const count = ['--id', 'count', '--', 'sh', '-c', COUNTER, 'count', '60'];
    const before = await submitted(one.place, one.env, [count]);
    await eventually(async () => {
      const rows = await inDatabase(`SELECT checkpoint_number FROM tasks WHERE checkpoint_number > 1`);
      expect(rows).toHaveLength(1);
    });
    await before.killGroup();

    const run = await one.place.purser(['run', '--once', '--json', '--max-minutes', '0.35'], one.env);
    expect([run.code, run.err]).toEqual([0, expect.stringContaining('Purser has stopped.')]);
    expect(JSON.parse(run.out)).toMatchObject({ reason: 'time', left: { running: 0 } });

    const two = await machine();
    const other = await two.place.purser(['run', '--once', '--json'], two.env);
    expect(other.code).toBe(0);
    expect(JSON.parse(other.out)).toMatchObject({
      reason: 'empty',
      tasks: [{ taskId: 'count', state: 'completed', outcome: 'completed' }],
    });
    const [task] = await inDatabase<{ result: { from: number } }>(`SELECT result FROM tasks WHERE id = 'count'`);
    expect(task?.result.from).toBeGreaterThan(0);
  });

  it('is what the workflow in the examples runs, as it is typed there', async () => {
    const { place, env } = await machine();
    const file = join(import.meta.dirname, '../../../../examples/github-actions/run-agents.yml');
    const { jobs } = parse(await readFile(file, 'utf8')) as {
      jobs: { run: { steps: { name?: string; run?: string }[] } };
    };
    const script = jobs.run.steps.find(({ name }) => name === 'work')?.run ?? '';
    const bin = join(import.meta.dirname, '../../bin/purser.mjs');
    const typed = script.replace('npm run --silent purser run -- ', `"${process.execPath}" "${bin}" run `);
    expect(typed).not.toBe(script);
    const TASKS = JSON.stringify([
      { id: 'one', executor: 'command', input: { argv: ['true'] } },
      { id: 'two', executor: 'command', input: { argv: ['true'] }, dependsOn: ['one'] },
    ]);
    const { stdout } = await promisify(execFile)('bash', ['-eo', 'pipefail', '-c', typed], {
      cwd: dirname(place.home),
      env: { ...place.env, ...env, TASKS, MINUTES: '5' },
    });
    expect(JSON.parse(stdout)).toMatchObject({
      reason: 'empty',
      tasks: [
        { taskId: 'two', state: 'completed' },
        { taskId: 'one', state: 'completed' },
      ],
    });
    expect(JSON.parse(await readFile(join(dirname(place.home), 'run.json'), 'utf8'))).toEqual(JSON.parse(stdout));
  });

  it('does not hold a budget in CI on a database that ends with the job, whatever is said', async () => {
    const { place } = await machine();
    await place.configure('budgets.json', { budgets: [{ id: 'monthly', period: 'month', limitUsd: '1' }] });
    for (const flags of [[], ['--allow-embedded-database']]) {
      const { code, err, out } = await place.purser(['run', '--once', ...flags], CI);
      expect([code, out]).toEqual([2, '']);
      expect(err).toMatch(/cannot hold a budget \(monthly\).*\nSet PURSER_DATABASE_URL/);
      expect(await place.processes()).toEqual([]);
    }
    const cap = await place.purser(['run', '--once'], { ...CI, DAILY_SPEND_CAP: '1' });
    expect(cap.err).toContain('(monthly, DAILY_SPEND_CAP)');
  });

  it('keeps nothing in CI without a database elsewhere, unless that is what is wanted', async () => {
    const { place } = await machine();
    const { code, err } = await place.purser(['run', '--once'], CI);
    expect([code, err]).toEqual([2, expect.stringMatching(/keeps nothing.*\n.*\n.*add --allow-embedded-database/)]);
    const allowed = await place.purser(['run', '--once', '--allow-embedded-database'], CI);
    expect([allowed.code, allowed.out]).toEqual([0, expect.stringContaining('No task was worked on.')]);
    // On a machine that stays there is nothing to ask.
    expect((await place.purser(['run', '--once'], { CI: 'false' })).code).toBe(0);
  });

  it('stops in order when it is asked to, and says what it did until then', async () => {
    const { place, env } = await machine();
    const before = await submitted(place, env, [['--id', 'long', '--', 'sh', '-c', COUNTER, 'count', '9999']]);
    before.signal('SIGINT');
    await before.end();
    const run = place.start(['run', '--once', '--json'], env);
    await run.said(/It works until there is nothing to do/, 45_000);
    await eventually(
      async () => {
        const { out } = await place.purser(['task', 'get', 'long', '--json']);
        expect(JSON.parse(out)).toMatchObject({ state: 'running' });
      },
      { timeoutMs: 20_000, everyMs: 250 },
    );
    run.signal('SIGTERM');
    const { code, out } = await run.end();
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      reason: 'asked to stop (SIGTERM)',
      tasks: [{ taskId: 'long', state: 'ready', outcome: 'released' }],
      left: { ready: 1, running: 0 },
    });
  });
});
