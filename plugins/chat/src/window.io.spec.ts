import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TestTask } from './chat-session.fixture.js';
import { call, finish, ScriptedModel, type SeenRequest } from './scripted-model.fixture.js';

let model: ScriptedModel;
let task: TestTask;
const tools = { files: true };
const TOKENS_PER_BYTE = 0.25;
const tokensOf = (request: SeenRequest): number => Math.ceil(JSON.stringify(request).length * TOKENS_PER_BYTE);
const kindOf = ({ messages }: SeenRequest): 'summary' | 'handoff' | 'turn' => {
  const system = messages[0]?.content ?? '';
  if (system.includes('handoff document')) return 'handoff';
  return system.includes('without this record') ? 'summary' : 'turn';
};

beforeAll(async () => {
  model = await ScriptedModel.start();
});
afterAll(() => model.stop());
beforeEach(() => {
  model.requests.length = 0;
  task = new TestTask(model.environment);
  for (let index = 0; index < 40; index += 1) {
    writeFileSync(join(task.workspace, `file-${index}.txt`), `${index}: ${'words and more words '.repeat(150)}\n`);
  }
});
afterEach(() => task.remove());

/** Reads forty files of 3 KB, one a turn. */
const reader = (contextTokens: number, note = '') => {
  let turn = 0;
  model.script = (request) => {
    const tokens = tokensOf(request);
    if (tokens > contextTokens) {
      const message = `This model's maximum context length is ${contextTokens} tokens, you asked for ${tokens}`;
      return { status: 400, error: { message, code: 'context_length_exceeded' } };
    }
    const kind = kindOf(request);
    if (kind === 'summary') return { text: `SUMMARY: read up to file ${turn - 1}`, promptTokens: tokens };
    if (turn === 40) return { ...finish('all read'), promptTokens: tokens };
    const reply = { text: note, ...call('read_file', { path: `file-${turn}.txt` }), promptTokens: tokens };
    turn += 1;
    return reply;
  };
};

describe('the window of a model', () => {
  it('is never overrun when its size is given: old results are taken out', async () => {
    reader(16_000);
    const session = task.session({ goal: 'read all', tools, contextTokens: 16_000 });
    await expect(session.run()).resolves.toEqual({ kind: 'completed', result: 'all read' });
    expect(Math.max(...model.requests.map(tokensOf))).toBeLessThanOrEqual(16_000 - 4_000);
    expect(model.requests.filter((request) => kindOf(request) === 'summary')).toHaveLength(0);
    const last = model.requests.at(-1)!.messages.filter(({ role }) => role === 'tool');
    expect(last).toHaveLength(40);
    expect(last[0]!.content).toMatch(/^\(result taken out to save room: \d+ bytes; it began with\) 0: words/);
    expect(last.at(-1)!.content!.length).toBeGreaterThan(3_000);
  });

  it('is never overrun when the gateway knows its size', async () => {
    reader(16_000);
    model.windows = { demo: 16_000, other: 500 };
    const session = task.session({ goal: 'read all', model: 'openai/demo', tools });
    await expect(session.run()).resolves.toEqual({ kind: 'completed', result: 'all read' });
    model.windows = {};
    expect(Math.max(...model.requests.map(tokensOf))).toBeLessThanOrEqual(16_000 - 4_000);
    expect(task.state.windowTokens).toBeUndefined();
  });

  it('is summarised when that is not enough', async () => {
    reader(8_000, 'I think at length about what I have read, and write it down. '.repeat(12));
    const session = task.session({ goal: 'read all', tools, contextTokens: 8_000 });
    await expect(session.run()).resolves.toEqual({ kind: 'completed', result: 'all read' });
    expect(Math.max(...model.requests.map(tokensOf))).toBeLessThanOrEqual(8_000);
    expect(model.requests.filter((request) => kindOf(request) === 'summary').length).toBeGreaterThan(0);
    expect(model.requests.at(-1)!.messages[1]!.content).toMatch(/^read all\n[^]*SUMMARY: read up to file \d+$/);
    expect(session.text).toContain('a summary stands for the older turns');
  });

  it('is learned from refusals when nobody gives it', async () => {
    reader(9_000, 'I write down what I have read. '.repeat(10));
    const session = task.session({ goal: 'read all', tools });
    await expect(session.run()).resolves.toEqual({ kind: 'completed', result: 'all read' });
    const refused = model.requests.filter((request) => tokensOf(request) > 9_000).length;
    expect(refused).toBeGreaterThan(0);
    expect(refused).toBeLessThanOrEqual(2);
    expect(task.state.windowTokens).toBe(9_000);
  });

  it('goes on without a summary when no model writes one', async () => {
    reader(8_000, 'I think at length about what I have read, and write it down. '.repeat(12));
    const script = model.script;
    model.script = (request, index) =>
      kindOf(request) === 'summary'
        ? { status: 400, error: { message: 'no', code: 'invalid_request' } }
        : script(request, index);
    const session = task.session({ goal: 'read all', tools, contextTokens: 8_000 });
    await expect(session.run()).resolves.toEqual({ kind: 'completed', result: 'all read' });
    expect(Math.max(...model.requests.map(tokensOf))).toBeLessThanOrEqual(8_000);
    expect(session.text).toContain('the oldest turns are left out');
  });

  it('fails in the end with a model whose window is too small for anything', async () => {
    model.replies({ status: 400, error: { message: 'prompt is too long', code: 'context_length_exceeded' } });
    const result = await task.session({ goal: 'read all', tools }).run();
    expect(result).toEqual({ kind: 'failed', error: { code: 'too_long', message: 'prompt is too long' } });
  });

  it('keeps checkpoints under their limit, however large the window is', async () => {
    let turn = 0;
    model.script = (request) => {
      if (kindOf(request) === 'summary') return { text: 'a summary' };
      turn += 1;
      const content = `${turn}`.repeat(60_000);
      return turn > 30 ? finish('ok') : call('write_file', { path: `big-${turn}`, content });
    };
    const session = task.session({ goal: 'write', tools, contextTokens: 5_000_000 });
    await expect(session.run()).resolves.toMatchObject({ kind: 'completed' });
    expect(Math.max(...task.checkpoints.map(({ length }) => length))).toBeLessThan(1024 * 1024);
  });
});

describe('a fresh session of a long conversation', () => {
  it('goes on from the handoff and the last turns', async () => {
    reader(20_000);
    const script = model.script;
    const session = task.session({ goal: 'read all', tools, contextTokens: 20_000 });
    model.script = (request, index) => {
      if (kindOf(request) === 'handoff') return { text: '# Handoff\n\nfiles 0 to 9 are read' };
      if (index === 9) session.wrapping.abort(new Error('tokens'));
      return script(request, index);
    };
    await expect(session.run()).resolves.toMatchObject({ kind: 'continue' });
    const before = model.requests.length;
    await expect(task.session({ goal: 'read all', tools, contextTokens: 20_000 }).run()).resolves.toMatchObject({
      kind: 'completed',
    });
    const first = model.requests[before]!;
    expect(first.messages[1]!.content).toContain('files 0 to 9 are read');
    expect(first.messages.filter(({ role }) => role === 'tool')).toHaveLength(2);
    expect(JSON.stringify(first.messages).match(/files 0 to 9 are read/g)).toHaveLength(1);
  });
});
