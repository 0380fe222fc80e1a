import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chooseUser } from '@purser/guard';
import { aliveOf, TestTask } from '../chat-session.fixture.js';
import { call, finish, type Reply, ScriptedModel } from '../scripted-model.fixture.js';

let model: ScriptedModel;
let task: TestTask;
const user = chooseUser(undefined, process.getuid?.() ?? -1);
const run = (command: string, more = {}) => call('run_command', { command, ...more });

beforeAll(async () => {
  model = await ScriptedModel.start();
});
afterAll(() => model.stop());
beforeEach(() => {
  model.requests.length = 0;
  task = new TestTask(model.environment);
});
afterEach(() => task.remove());

// Where the machine forbids namespaces (or without root) both are the same.
describe.each(['best', 'processes'] as const)('the shell, isolation: %s', (isolation) => {
  async function results(...replies: Reply[]): Promise<string[]> {
    model.replies(...replies, finish('ok'));
    const session = task.session({ goal: 'go', tools: { files: true, shell: true } });
    await expect(session.run({ isolation })).resolves.toMatchObject({ kind: 'completed' });
    expect(aliveOf(session.sessionId)).toEqual([]);
    return model.results;
  }

  it('answers with exit code and output, both kinds of it', async () => {
    const shown = await results(
      run('echo out; echo err >&2'),
      run('exit 3'),
      run('kill -9 $$'),
      run('no-such-program'),
      run('true'),
    );
    expect(shown[0]!.split('\n').sort()).toEqual(['', 'err', 'exit code 0', 'out']);
    expect(shown[1]).toBe('ERROR: exit code 3\n');
    expect(shown[2]).toBe('ERROR: SIGKILL\n');
    expect(shown[3]).toMatch(/^ERROR: exit code 127\n.*no-such-program/);
    expect(shown[4]).toBe('exit code 0\n');
  });

  it('runs in the workspace, as the session’s user, without keys and without input', async () => {
    const [where, who, variables, input] = await results(run('pwd; touch made'), run('id -u'), run('env'), run('cat'));
    expect(where).toBe(`exit code 0\n${task.workspace}\n`);
    if (user) expect(who).toBe(`exit code 0\n${user.uid}\n`);
    if (user) expect(statSync(join(task.workspace, 'made')).uid).toBe(user.uid);
    expect(variables).toContain('PURSER_TASK_ID=task-1');
    expect(variables).not.toMatch(/API_KEY|BASE_URL|DATABASE/);
    expect(input).toBe('exit code 0\n');
  });

  it('shares its files with the tools for files', async () => {
    const shown = await results(
      call('write_file', { path: 'dir/x.sh', content: 'echo hi\n' }),
      run('sh dir/x.sh && echo more >> dir/x.sh'),
      call('read_file', { path: 'dir/x.sh' }),
    );
    expect(shown[1]).toBe('exit code 0\nhi\n');
    expect(shown[2]).toBe('echo hi\nmore');
  });

  it('ends a command that takes too long, and all that it started', async () => {
    const [shown] = await results(
      run("trap '' TERM; echo begun; setsid sleep 1000 & sleep 1000", { timeoutSeconds: 0.5 }),
    );
    expect(shown).toBe('ERROR: the command was stopped: it took longer than 0.5 s\nbegun\n');
  });

  it('leaves nothing in the background', async () => {
    const [shown] = await results(run('sleep 1000 & setsid sleep 1000 & echo started'));
    expect(shown).toBe('exit code 0\nstarted\n');
  });
});

it('is bounded in what it shows of a flood', async () => {
  model.replies(run('yes 0123456789 | head -c 3000000; echo the end'), finish('ok'));
  await task.session({ goal: 'go', tools: { shell: true } }).run();
  const [shown] = model.results;
  expect(shown!.length).toBeLessThan(50_000);
  expect(shown).toMatch(/characters left out\]/);
  expect(shown!.endsWith('the end\n')).toBe(true);
});

it('is not there unless the task asks', async () => {
  writeFileSync(join(task.workspace, 'x'), '1');
  model.replies(run('touch made'), finish('ok'));
  await task.session({ goal: 'go', tools: { files: true } }).run();
  expect(model.results[0]).toMatch(/no tool "run_command"/);
  expect(existsSync(join(task.workspace, 'made'))).toBe(false);
  expect(readFileSync(join(task.workspace, 'x'), 'utf8')).toBe('1');
});
