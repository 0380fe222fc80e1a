import { eventually } from '@purser/testing';
import { Playground } from '../testing/purser-process.fixture.js';

jest.setTimeout(180_000);

const SLOWLY = { timeoutMs: 60_000, everyMs: 250 };

/** A program that works until somebody tells it to finish, and then says what it was told. */
const SCRIPT = `trap 'exit 75' TERM
until grep -q '"finish"' "$PURSER_STATE_DIR/signals.jsonl"; do sleep 0.1; done
cat "$PURSER_STATE_DIR/signals.jsonl"`;

describe('a running task', () => {
  let play: Playground;

  beforeAll(async () => {
    play = await Playground.make();
  });

  afterAll(() => play.remove());

  /** By REST, since each command line is a process that takes its time. */
  const read = async (path: string) => {
    const url = `http://127.0.0.1:${play.ports.PURSER_API_PORT}/v1/tasks/${path}`;
    const key = (await play.read('admin.key')).trim();
    const response = await fetch(url, { headers: { authorization: `Bearer ${key}` } });
    return (await response.json()) as Record<string, unknown>;
  };
  const stateIs = (state: string, epoch: number) =>
    eventually(async () => expect(await read('steered')).toMatchObject({ state, epoch }), SLOWLY);
  const signalIs = (state: string, epoch: number) =>
    eventually(async () => {
      const { signals } = await read('steered/signals');
      expect(signals).toMatchObject([{ name: 'first', state, epoch }]);
    }, SLOWLY);
  const task = async (...args: string[]) => {
    const { code, out, err } = await play.purser(['task', ...args]);
    expect({ code, out, err }).toMatchObject({ code: 0 });
  };

  it('is signalled, paused and followed, also when everything was killed in between', async () => {
    const killed = await play.up();
    await task('submit', '--id', 'steered', '--', 'sh', '-c', SCRIPT);
    await task('signal', 'steered', 'first', '{"n": 1}');
    await signalIs('delivered', 1);
    await killed.killGroup();

    const purser = await play.up();
    // The session that had it was lost: the one after it gets it too.
    await signalIs('delivered', 2);
    await task('pause', 'steered', '--reason', 'lunch');
    await stateIs('paused', 2);
    await signalIs('taken', 2);
    await task('resume', 'steered');
    await stateIs('running', 3);

    const watching = play.purser(['task', 'watch', 'steered', '--json']);
    const events = play.start(['events', '--json', '--task', 'steered', '--after', '0']);
    await task('signal', 'steered', 'finish');
    const { code, out } = await watching;
    expect(code).toBe(0);
    const last = JSON.parse(out.trim().split('\n').at(-1) ?? '') as {
      task: { state: string; result: { output: string } };
    };
    expect(last.task.state).toBe('completed');
    // Of the first one the session that was paused has taken care.
    expect(
      last.task.result.output
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toMatchObject([{ number: 2, name: 'finish', payload: null }]);

    await events.said(/task\.completed\.steered/);
    const told = events.printed.split('\n').flatMap((line) => /"subject":"task\.(\w+)\./.exec(line)?.[1] ?? []);
    // A signal and the start of a session are two transactions: which is told first is not laid down.
    const expected = [
      'created',
      'signalled',
      'started',
      'started',
      'paused',
      'resumed',
      'started',
      'signalled',
      'completed',
      // A paused session leaves a document, too.
      'handed_off',
    ];
    expect([...told].sort()).toEqual([...expected].sort());
    purser.signal('SIGTERM');
    expect((await purser.end()).code).toBe(0);
  });
});
