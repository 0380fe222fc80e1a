import { TestTask } from './chat-session.fixture.js';
import { call, finish, ScriptedModel } from './scripted-model.fixture.js';

let model: ScriptedModel;
let task: TestTask;
const tools = { files: 'read' as const };
const signal = (number: number, payload: unknown) => ({
  number,
  name: 'note',
  payload,
  at: '2026-11-29T12:00:00.000Z',
});

beforeAll(async () => {
  model = await ScriptedModel.start();
});
afterAll(() => model.stop());
beforeEach(() => {
  model.requests.length = 0;
  task = new TestTask(model.environment);
});
afterEach(() => task.remove());

const told = () =>
  model.requests
    .at(-1)!
    .messages.flatMap(({ role, content }) => (role === 'user' && content!.includes('signal') ? [content!] : []));

describe('a signal to a session', () => {
  it('is told to the model before its next turn, and counts as delivered once that is saved', async () => {
    const session = task.session({ goal: 'go', tools });
    let delivered: Promise<void> | undefined;
    let savedThen = 0;
    model.script = (_request, index) => {
      if (index > 0) return finish('ok');
      delivered = session.signal!(signal(1, { hurry: true })).then(() => void (savedThen = task.checkpoints.length));
      return call('list_files');
    };
    await session.run();
    await delivered;
    expect(told()).toEqual([
      'A message to you, sent at 2026-11-29T12:00:00.000Z while you work (signal "note"): {"hurry":true}',
    ]);
    const saved = Buffer.from(task.checkpoints[savedThen - 1]!).toString();
    expect(saved).toContain('hurry');
  });

  it('goes to the next session when this one ends before', async () => {
    const session = task.session({ goal: 'go', tools });
    let delivered: Promise<void> | undefined;
    model.script = () => {
      delivered = session.signal!(signal(1, 'too late'));
      delivered.catch(() => undefined);
      return finish('ok');
    };
    await session.run();
    await expect(delivered).rejects.toThrow('the session ends');
  });

  it('that comes again, as its delivery was not heard of, is not said twice', async () => {
    const first = task.session({ goal: 'go', tools });
    model.script = (_request, index) => {
      if (index === 0) void first.signal!(signal(1, 'once'));
      if (index === 2) first.wrapping.abort(new Error('limit'));
      return call('list_files', { depth: index + 1 });
    };
    await first.run();
    expect(task.state.signals).toBe(1);
    const second = task.session({ goal: 'go', tools });
    const from = model.requests.length;
    let delivered: Promise<void> | undefined;
    model.script = (_request, index) => {
      if (index === from) delivered = second.signal!(signal(1, 'once'));
      return index < from + 2 ? call('list_files', { depth: index }) : finish('ok');
    };
    await second.run();
    await delivered;
    expect(told()).toHaveLength(1);
  });
});
