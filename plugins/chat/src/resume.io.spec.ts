import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { aliveOf, TestTask, until } from './chat-session.fixture.js';
import { call, finish, ScriptedModel, type SeenRequest } from './scripted-model.fixture.js';

let model: ScriptedModel;
let task: TestTask;
const tools = { files: true, shell: true };

beforeAll(async () => {
  model = await ScriptedModel.start();
});
afterAll(() => model.stop());
beforeEach(() => {
  model.requests.length = 0;
  task = new TestTask(model.environment);
});
afterEach(() => task.remove());

const isHandoff = (system: string | null | undefined) => (system ?? '').includes('handoff document');
const document =
  '# Handoff\n\n## Task\ncount\n\n## Done\nread one.txt\n\n## State\n1 of 2\n\n## Next action\nread two.txt\n';

describe('a session that is to wrap up', () => {
  it('finishes the unit at hand, has the model write the handoff without tools, and goes on in the next', async () => {
    writeFileSync(join(task.workspace, 'one.txt'), '1\n');
    const session = task.session({ goal: 'count', tools });
    model.script = ({ messages }) => {
      if (isHandoff(messages[0]?.content)) return { text: document };
      session.wrapping.abort(new Error('tokens 0.86 of its limit'));
      return call('read_file', { path: 'one.txt' });
    };
    await expect(session.run()).resolves.toEqual({ kind: 'continue', reason: 'tokens 0.86 of its limit' });
    expect(model.requests.at(-1)!.tools).toBeUndefined();
    expect(model.requests.at(-1)!.messages[1]!.content).toContain('[call] read_file {"path":"one.txt"}');
    expect(task.handoffs).toHaveLength(1);
    expect(task.handoffs[0]).toContain('## Next action\nread two.txt');
    expect(task.handoffs[0]).toMatch(/## Resources used\n\n- answers of the model in this session: 1\n- tokens: \d+/);

    model.requests.length = 0;
    model.script = () => finish('counted');
    await expect(task.session({ goal: 'count', tools }).run()).resolves.toEqual({
      kind: 'completed',
      result: 'counted',
    });
    const [first] = model.requests;
    expect(first!.messages[1]).toEqual({ role: 'user', content: 'count' });
    // The wrap came before the call began, and the model is told.
    expect(first!.messages[3]).toMatchObject({ role: 'tool', tool_call_id: 'call_1_1' });
    expect(first!.messages.at(-1)!.content).toContain('read two.txt');
  });

  it('cuts off a call that takes longer, and an answer that does not come', async () => {
    model.script = ({ messages }) => {
      if (isHandoff(messages[0]?.content)) return { text: document };
      return call('run_command', { command: 'echo begun > begun; sleep 1000' });
    };
    const session = task.session({ goal: 'go', tools });
    session.graceMs = 2_000;
    const running = session.run();
    await until('the command runs', () => existsSync(join(task.workspace, 'begun')));
    const before = performance.now();
    session.wrapping.abort(new Error('time 0.90 of its limit'));
    await expect(running).resolves.toMatchObject({ kind: 'continue' });
    expect(performance.now() - before).toBeLessThan(2_000);
    expect(aliveOf(session.sessionId)).toEqual([]);
    expect(task.state.messages.at(-1)).toMatchObject({
      role: 'tool',
      text: expect.stringMatching(/stopped|cut off/) as string,
    });
    expect(task.handoffs[0]).toContain('read two.txt');
  });

  it.each([
    ['says nothing', { hang: true as const }],
    ['refuses', { status: 400 }],
    ['answers with nothing', {}],
  ])('writes the handoff itself when the model %s', async (_what, reply) => {
    const session = task.session({ goal: 'count the files', tools });
    session.graceMs = 1_500;
    model.script = ({ messages }) => {
      if (isHandoff(messages[0]?.content)) return reply;
      if (messages.length > 3) session.wrapping.abort(new Error('memory'));
      return call('list_files', { path: '.', depth: 3 });
    };
    const before = performance.now();
    await expect(session.run()).resolves.toEqual({ kind: 'continue', reason: 'memory' });
    expect(performance.now() - before).toBeLessThan(1_500 + 1_000);
    const [handoff] = task.handoffs;
    for (const heading of ['Task', 'Done', 'State', 'Next action', 'Open questions', 'Decisions', 'Resources used']) {
      expect(handoff).toContain(`\n## ${heading}\n`);
    }
    expect(handoff).toContain('count the files');
    expect(handoff).toContain('- list_files {"path":".","depth":3}');
  });

  it('wraps up by itself before its tokens would not do for the handoff', async () => {
    const session = task.session({ goal: 'go', tools });
    session.limits = { tokens: 10_000 };
    let turns = 0;
    model.script = ({ messages }) => {
      if (isHandoff(messages[0]?.content)) return { text: document };
      turns += 1;
      return { ...call('run_command', { command: `echo ${turns}` }), promptTokens: 3_000 };
    };
    const result = await session.run();
    expect(result).toMatchObject({
      kind: 'continue',
      reason: expect.stringMatching(/the tokens of this session \(\d+ of 10000\)/) as string,
    });
    expect(turns).toBeGreaterThanOrEqual(1);
    expect(turns).toBeLessThanOrEqual(2);
    expect(task.handoffs[0]).toContain('read two.txt');
  });
});

describe('a session that died', () => {
  it('is gone on from the last turn that was saved; a call of unknown outcome is told, and not repeated', async () => {
    const count = join(task.workspace, 'count');
    const session = task.session({ goal: 'count once', tools });
    model.replies(call('list_files'), call('run_command', { command: 'echo x >> count; sleep 1000' }));
    const running = session.run();
    await until('the command has counted', () => existsSync(count));
    // As a SIGKILL of the runner: what was saved is all that there is.
    const saved = [...task.checkpoints];
    session.killing.abort(new Error('the runner is gone'));
    await expect(running).resolves.toMatchObject({ kind: 'continue' });
    expect(aliveOf(session.sessionId)).toEqual([]);
    task.checkpoints.splice(0, Infinity, ...saved);

    model.requests.length = 0;
    model.replies(finish('once'));
    await expect(task.session({ goal: 'count once', tools }).run()).resolves.toEqual({
      kind: 'completed',
      result: 'once',
    });
    const told = model.requests[0]!.messages.filter(({ role }) => role === 'tool').map(({ content }) => content);
    expect(told[1]).toMatch(/^OUTCOME UNKNOWN/);
    expect(readFileSync(count, 'utf8')).toBe('x\n');
  });

  it('tells calls that never began from those that only read', async () => {
    model.replies({
      calls: [
        { name: 'run_command', arguments: { command: 'echo begun > begun; sleep 1000' } },
        { name: 'read_file', arguments: { path: 'begun' } },
        { name: 'write_file', arguments: { path: 'never', content: '' } },
      ],
    });
    const session = task.session({ goal: 'go', tools });
    const running = session.run();
    await until('the command runs', () => existsSync(join(task.workspace, 'begun')));
    const saved = [...task.checkpoints];
    session.killing.abort();
    await running;
    task.checkpoints.splice(0, Infinity, ...saved);
    model.requests.length = 0;
    model.replies(finish('ok'));
    await task.session({ goal: 'go', tools }).run();
    const told = model.requests[0]!.messages.filter(({ role }) => role === 'tool').map(({ content }) => content);
    expect(told).toEqual([
      expect.stringMatching(/^OUTCOME UNKNOWN/),
      expect.stringMatching(/^NO RESULT/),
      expect.stringMatching(/^NOT CARRIED OUT/),
    ]);
    expect(existsSync(join(task.workspace, 'never'))).toBe(false);
  });

  it('is completed by the next one when only its last words were lost', async () => {
    model.replies(finish({ answer: 42 }));
    await task.session({ goal: 'go' }).run();
    model.requests.length = 0;
    await expect(task.session({ goal: 'go' }).run()).resolves.toEqual({ kind: 'completed', result: { answer: 42 } });
    expect(model.requests).toHaveLength(0);
  });

  it('leaves a checkpoint that nobody can read: the work begins anew, with the handoff', async () => {
    task.checkpoints.push(Buffer.from('{"version": 7}'));
    task.handoffs.push('# Handoff of before');
    model.replies(finish('ok'));
    const session = task.session({ goal: 'go' });
    await expect(session.run()).resolves.toMatchObject({ kind: 'completed' });
    expect(model.requests[0]!.messages.at(-1)!.content).toContain('# Handoff of before');
    expect(session.text).toContain('no conversation of this version');
  });
});

/** Wherever it dies: before or after any of its saves. */
describe('a crash at every point', () => {
  const steps = [1, 2, 3];
  const log = () => readFileSync(join(task.workspace, 'log'), 'utf8');

  /** Appends each step once, as far as it is told; looks when it cannot know. */
  const appender = ({ messages }: SeenRequest) => {
    const stepOf = new Map<string, number>();
    const state = new Map<number, string>();
    for (const message of messages) {
      for (const { id, function: called } of message.tool_calls ?? []) {
        const { new: text } = JSON.parse(called.arguments) as { new?: string };
        if (text !== undefined) stepOf.set(id, Number(text[0]));
      }
      if (message.role !== 'tool') continue;
      const step = stepOf.get(message.tool_call_id!);
      const content = message.content!;
      if (step !== undefined) state.set(step, content);
      // What it read: then it knows.
      else if (content.endsWith('END'))
        for (const one of steps) state.set(one, content.includes(`${one}\n`) ? 'one place' : '');
    }
    if ([...state.values()].some((content) => content.startsWith('OUTCOME UNKNOWN')))
      return call('read_file', { path: 'log' });
    const next = steps.find((step) => !(state.get(step) ?? '').includes('one place'));
    return next === undefined ? finish('done') : call('edit_file', { path: 'log', old: 'END', new: `${next}\nEND` });
  };

  const runUntilCrash = async (crashAt: number, when: 'before' | 'after'): Promise<boolean> => {
    writeFileSync(join(task.workspace, 'log'), 'END');
    model.script = appender;
    const session = task.session({ goal: 'count', tools });
    let saves = 0;
    session.refuse = (bytes) => {
      saves += 1;
      if (saves < crashAt) return undefined;
      if (saves === crashAt && when === 'after') task.checkpoints.push(Uint8Array.from(bytes));
      session.killing.abort(new Error('crash'));
      return new Error('crash');
    };
    await session.run();
    return saves >= crashAt;
  };

  it.each(['before', 'after'] as const)('%s it is saved: each step is done once', async (when) => {
    let crashes = 0;
    for (let crashAt = 1; await runUntilCrash(crashAt, when); crashAt += 1) {
      crashes += 1;
      await expect(task.session({ goal: 'count', tools }).run()).resolves.toEqual({
        kind: 'completed',
        result: 'done',
      });
      expect(log()).toBe('1\n2\n3\nEND');
      task.remove();
      task = new TestTask(model.environment);
    }
    expect(crashes).toBeGreaterThanOrEqual(10);
  });
});

describe('saving', () => {
  it('stops at once when a newer session owns the task', async () => {
    const session = task.session({ goal: 'go', tools });
    session.refuse = () => Object.assign(new Error('stale'), { code: 'stale_epoch' });
    model.replies(call('write_file', { path: 'late', content: '' }));
    await expect(session.run()).resolves.toEqual({ kind: 'continue', reason: 'a newer session owns the task' });
    expect(existsSync(join(task.workspace, 'late'))).toBe(false);
    expect(model.requests).toHaveLength(1);
  });

  it('carries out nothing that was not saved before', async () => {
    const session = task.session({ goal: 'go', tools });
    let refused = 0;
    session.refuse = () => ((refused += 1) > 1 ? undefined : new Error('the database is away'));
    model.replies(call('write_file', { path: 'made', content: '' }), finish('ok'));
    await expect(session.run()).resolves.toMatchObject({ kind: 'completed' });
    task.checkpoints.length = 0;
    const other = task.session({ goal: 'go', tools });
    other.refuse = () => new Error('the database is away');
    model.replies(call('write_file', { path: 'unsaved', content: '' }));
    await expect(other.run()).resolves.toMatchObject({
      kind: 'continue',
      reason: expect.stringContaining('the database is away') as string,
    });
    expect(existsSync(join(task.workspace, 'unsaved'))).toBe(false);
  });
});
