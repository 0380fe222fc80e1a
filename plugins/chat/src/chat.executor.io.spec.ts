import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TestTask } from './chat-session.fixture.js';
import { call, finish, ScriptedModel } from './scripted-model.fixture.js';

let model: ScriptedModel;
let task: TestTask;

beforeAll(async () => {
  model = await ScriptedModel.start();
});
afterAll(() => model.stop());
beforeEach(() => {
  model.requests.length = 0;
  task = new TestTask(model.environment);
});
afterEach(() => task.remove());

describe('a conversation', () => {
  it('calls tools until the model ends the task, and saves each turn', async () => {
    writeFileSync(join(task.workspace, 'notes.txt'), 'one\ntwo\nthree\n');
    model.replies(
      {
        text: 'I look first.',
        calls: [{ name: 'list_files' }, { name: 'read_file', arguments: { path: 'notes.txt' } }],
      },
      call('write_file', { path: 'out/sum.txt', content: '3 lines\n' }),
      finish({ lines: 3 }),
    );
    const session = task.session({ goal: 'count the lines', model: 'demo', tools: { files: true } });
    await expect(session.run()).resolves.toEqual({ kind: 'completed', result: { lines: 3 } });
    expect(readFileSync(join(task.workspace, 'out/sum.txt'), 'utf8')).toBe('3 lines\n');
    expect(model.requests[0]).toMatchObject({
      model: 'demo',
      authorization: 'Bearer session-key-of-the-test',
      messages: [{ role: 'system' }, { role: 'user', content: 'count the lines' }],
    });
    expect(model.requests[1]!.messages.slice(2)).toMatchObject([
      { role: 'assistant', content: 'I look first.', tool_calls: [{ id: 'call_1_1' }, { id: 'call_1_2' }] },
      { role: 'tool', tool_call_id: 'call_1_1', content: 'notes.txt' },
      { role: 'tool', tool_call_id: 'call_1_2', content: 'one\ntwo\nthree' },
    ]);
    expect(task.state).toMatchObject({ turns: 3, finished: { result: { lines: 3 } } });
    expect(session.reported.map(({ done }) => done)).toEqual([1, 2, 3]);
    expect(session.text).toContain('stdout I look first.');
  });

  it('offers no tool but finish unless the task asks', async () => {
    model.replies(finish('ok'));
    await task.session({ goal: 'think' }).run();
    expect(model.requests[0]!.tools?.map((tool) => tool.function.name)).toEqual(['finish']);
    await task.session({ goal: 'read', tools: { files: 'read' } }).run();
    // Nothing is asked: the task was finished in the checkpoint.
    expect(model.requests).toHaveLength(1);
  });

  it('asks a model that stops calling tools once whether it is done, and takes its word then', async () => {
    model.replies({ text: 'The answer is 42.' }, { text: 'Yes, it is done.' });
    const result = await task.session({ goal: 'answer' }).run();
    expect(result).toEqual({ kind: 'completed', result: 'The answer is 42.\n\nYes, it is done.' });
    expect(model.requests[1]!.messages.at(-1)).toMatchObject({
      role: 'user',
      content: expect.stringContaining('finish') as string,
    });
  });

  it('fails when the model says nothing at all', async () => {
    model.replies({});
    const result = await task.session({ goal: 'answer' }).run();
    expect(result).toMatchObject({ kind: 'failed', error: { code: 'no_answer' } });
  });

  it('lets an answer that was cut off go on', async () => {
    model.replies({ text: 'Once upon a ti', finish: 'length' }, finish('told'));
    await expect(task.session({ goal: 'tell' }).run()).resolves.toMatchObject({ result: 'told' });
    expect(model.requests[1]!.messages.at(-1)!.content).toContain('cut off');
  });

  it('does not end the task when another call of the same answer failed', async () => {
    model.replies(
      {
        calls: [
          { name: 'read_file', arguments: { path: 'missing' } },
          { name: 'finish', arguments: { result: 'too early' } },
        ],
      },
      finish('later'),
    );
    await expect(task.session({ goal: 'go', tools: { files: 'read' } }).run()).resolves.toMatchObject({
      result: 'later',
    });
    expect(model.results).toEqual(['ERROR: there is no missing', expect.stringContaining('not ended') as string]);
  });

  it('says at the last turn that it is the last, and fails after it', async () => {
    model.replies(call('list_files'));
    const result = await task.session({ goal: 'go', tools: { files: 'read' }, maxTurns: 3 }).run();
    expect(result).toMatchObject({ kind: 'failed', error: { code: 'max_turns' } });
    expect(model.requests).toHaveLength(3);
    expect(model.requests[1]!.messages.at(-1)!.role).toBe('tool');
    expect(model.requests[2]!.messages.at(-1)).toMatchObject({
      role: 'user',
      content: expect.stringContaining('last answer') as string,
    });
  });
});

describe('a model that misbehaves', () => {
  const run = (...replies: Parameters<ScriptedModel['replies']>) => {
    model.replies(...replies, finish('at last'));
    return task.session({ goal: 'go', tools: { files: true, shell: true } }).run();
  };

  it.each([
    ['arguments that are no JSON', call('read_file', '{"path": '), /not valid JSON/],
    ['arguments that are no object', call('read_file', '[1]'), /must be a JSON object/],
    ['arguments of the wrong form', call('read_file', { file: 'a' }), /wrong arguments: .*path/],
    ['a tool that there is not', call('delete everything!', {}), /no tool "delete_everything_"; there are list_files,/],
    ['a call without a name', call('', {}), /no tool "unnamed"/],
  ])('is told of %s', async (_what, reply, told) => {
    await expect(run(reply)).resolves.toEqual({ kind: 'completed', result: 'at last' });
    expect(model.results[0]).toMatch(told);
    // What is sent back is what any provider takes.
    const sent = model.requests.at(-1)!.messages.find((message) => message.tool_calls)!.tool_calls![0]!;
    expect(() => JSON.parse(sent.function.arguments) as unknown).not.toThrow();
    expect(sent.function.name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
  });

  it('is cut off when it writes on and on', async () => {
    const reply = call('write_file', JSON.stringify({ path: 'a', content: 'x'.repeat(400_000) }));
    await expect(run(reply)).resolves.toMatchObject({ kind: 'completed' });
    expect(model.results[0]).toMatch(/cut off.*too long/);
    expect(JSON.stringify(model.requests.at(-1)).length).toBeLessThan(20_000);
  });

  it('has no more than so many calls of one answer carried out', async () => {
    await expect(run({ calls: Array.from({ length: 60 }, () => ({ name: 'list_files' })) })).resolves.toMatchObject({
      kind: 'completed',
    });
    expect(model.results).toHaveLength(60);
    expect(model.results.filter((text) => text.startsWith('NOT CARRIED OUT'))).toHaveLength(28);
  });

  it('is told that it goes round in circles, and stopped', async () => {
    model.replies(call('list_files'));
    const result = await task.session({ goal: 'go', tools: { files: 'read' } }).run();
    expect(result).toMatchObject({ kind: 'failed', error: { code: 'loop' } });
    expect(model.requests).toHaveLength(10);
    expect(model.requests[4]!.messages.at(-1)!.content).toContain('4 times in a row');
  });

  it('gets results of a bounded size', async () => {
    writeFileSync(join(task.workspace, 'big.txt'), `${'line of text\n'.repeat(50_000)}`);
    const shell = call('run_command', { command: 'cat big.txt' });
    await run(call('read_file', { path: 'big.txt' }), shell);
    expect(model.results[0]).toMatch(/^\(lines 1 to \d+ of 50000; go on with from=/);
    expect(model.results[1]).toMatch(/characters left out/);
    for (const text of model.results) expect(text.length).toBeLessThan(50_000);
  });
});

describe('the gateway refuses', () => {
  const run = () => task.session({ goal: 'go' }).run();

  it('for a moment: it is asked again, as late as it says', async () => {
    const asked: number[] = [];
    model.script = (_request, index) => {
      asked.push(performance.now());
      if (index === 0) return { status: 429, headers: { 'retry-after-ms': '300' } };
      if (index === 1) return { status: 503, headers: { 'retry-after': '0' } };
      if (index === 2) return { text: 'I am abo', breakOff: true };
      return finish('ok');
    };
    await expect(run()).resolves.toMatchObject({ kind: 'completed', result: 'ok' });
    expect(asked).toHaveLength(4);
    expect(asked[1]! - asked[0]!).toBeGreaterThanOrEqual(295);
  });

  it('for good: the session fails with what it says', async () => {
    model.replies({ status: 400, error: { message: 'unknown parameter', code: 'unsupported_parameter' } });
    await expect(run()).resolves.toEqual({
      kind: 'failed',
      error: { code: 'model_unsupported_parameter', message: 'unknown parameter' },
    });
    expect(model.requests).toHaveLength(1);
  });

  it('again and again: the session fails after a bounded number of tries', async () => {
    model.replies({ status: 502, error: { message: 'the provider failed', code: 'provider_failed' } });
    await expect(run()).resolves.toMatchObject({
      kind: 'failed',
      error: { code: 'model_unavailable', message: 'provider_failed: the provider failed' },
    });
    expect(model.requests).toHaveLength(4);
  });

  it('as no money is left: the session hands off without asking a model, and is to go on', async () => {
    model.replies(call('list_files'), {
      status: 402,
      error: { message: 'budget monthly is used up', code: 'budget_exceeded' },
    });
    const result = await task.session({ goal: 'go', tools: { files: 'read' } }).run();
    expect(result).toEqual({ kind: 'continue', reason: 'budget: budget monthly is used up', waitsFor: 'budget' });
    expect(model.requests).toHaveLength(2);
    expect(task.handoffs[0]).toContain('budget monthly is used up');
    // The same again changes nothing.
    const before = task.checkpoints.length;
    await task.session({ goal: 'go', tools: { files: 'read' } }).run();
    expect(Buffer.compare(task.checkpoints.at(-1)!, task.checkpoints[before - 1]!)).toBe(0);
  });

  it('in an emergency: the session ends and is to go on', async () => {
    model.replies({ status: 403, error: { message: 'the latch is set', code: 'emergency' } });
    const session = task.session({ goal: 'go' });
    session.graceMs = 200;
    await expect(session.run()).resolves.toEqual({ kind: 'continue', reason: 'emergency: the latch is set' });
    expect(model.requests).toHaveLength(1);
  });

  it('since it does not know the key (yet)', async () => {
    model.replies({ status: 401 }, finish('ok'));
    await expect(run()).resolves.toMatchObject({ kind: 'completed' });
    model.replies({ status: 401, error: { message: 'unknown key' } });
    task.checkpoints.length = 0;
    await expect(run()).resolves.toMatchObject({ kind: 'failed', error: { code: 'unauthorized' } });
  });
});
