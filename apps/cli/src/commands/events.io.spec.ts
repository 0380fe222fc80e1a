import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { run } from '../program.js';
import { taskWith } from '../testing/task.fixture.js';
import { recordedTerminal } from '../testing/recorded-terminal.fixture.js';

const event = (place: number, subject: string, data: object = {}) =>
  `id: ${place}\ndata: ${JSON.stringify({
    specversion: '1.0',
    id: `e${place}`,
    source: 'purser/orchestrator/o1',
    type: 'dev.purser.x',
    subject,
    time: '2026-11-29T10:43:19Z',
    data,
  })}\n\n`;
const OPEN = 'retry: 1000\n\nid: 0\nevent: open\ndata: {"place":0}\n\n';

/** What `/v1/events` does at each connection, and what the task is each time it is asked for. */
describe('commands that follow events', () => {
  let server: ReturnType<typeof createServer>;
  let connections: ((response: ServerResponse) => void)[];
  let states: string[];
  let asked: { url: string | undefined; last: unknown; key: unknown }[];

  beforeAll(async () => {
    server = createServer((request, response) => {
      if (request.url?.startsWith('/v1/events')) {
        const { 'last-event-id': last, authorization: key } = request.headers;
        asked.push({ url: request.url, last, key });
        const connection = connections.shift();
        if (!connection) return void response.writeHead(404).end('{"error":{"code":"not_found","message":"no more"}}');
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        return connection(response);
      }
      const state = states.length > 1 ? states.shift() : states[0];
      const listed = taskWith({ id: 'nightly', state: state as 'ready' });
      if (request.url?.startsWith('/v1/tasks?'))
        return void response.end(JSON.stringify({ tasks: [listed], next: null }));
      const error = state === 'failed' ? { code: 'exit_1', message: 'ended with 1' } : null;
      response.end(JSON.stringify(taskWith({ id: 'nightly', state: state as 'ready', error })));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });

  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  beforeEach(() => {
    connections = [];
    states = [];
    asked = [];
  });

  let screen = false;
  const purser = async (...argv: string[]) => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const terminal = recordedTerminal({ env: { PURSER_API_URL: url, PURSER_ADMIN_KEY: 'pk_test' }, screen });
    return { code: await run(argv, terminal), ...terminal.printed };
  };

  it('prints each event once over a connection that was lost, and goes on from the last', async () => {
    connections = [
      (response) => {
        const text =
          OPEN + event(3, 'task.started.nightly', { taskId: 'nightly', sessionId: 's', epoch: 2, runner: 'r1' });
        response.write(text.slice(0, 40));
        setImmediate(() => (response.write(`${text.slice(40)}: alive\n\n`), setImmediate(() => response.destroy())));
      },
      (response) => void response.end(OPEN + event(4, 'alert.warning.spike', { title: 'a \u001b[2J spike' })),
    ];
    const { code, out } = await purser('events', '--subjects', 'task.>,alert.>');
    expect(out).toMatch(
      /^\d\d:\d\d:\d\d {2}task\.started\.nightly {2}epoch 2 {2}runner r1\n\S+ {2}alert\.warning\.spike {2}a .\[2J spike\n$/,
    );
    expect(out).not.toContain('\u001b');
    expect(code).toBe(1);
    expect(asked.map(({ last }) => last)).toEqual([undefined, '3', '4']);
    expect(asked[0]).toMatchObject({ url: '/v1/events?subjects=task.%3E%2Calert.%3E', key: 'Bearer pk_test' });
  });

  it('prints events with their places as JSON lines', async () => {
    connections = [(response) => void response.end(OPEN + event(9, 'vm.created.a'))];
    const { out } = await purser('events', '--json', '--after', '8');
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toMatchObject([{ place: 9, subject: 'vm.created.a', specversion: '1.0' }]);
    expect(asked[0]?.url).toBe('/v1/events?after=8');
  });

  it.each([
    ['completed', 0],
    ['failed', 1],
    ['cancelled', 1],
  ])('follows a task until it is %s, and ends with %i', async (end, expected) => {
    states = ['running', 'running', end];
    connections = [
      (response) => void response.write(OPEN + event(3, 'task.checkpointed.nightly') + event(4, `task.${end}.nightly`)),
    ];
    const { code, out } = await purser('task', 'watch', 'nightly');
    expect(code).toBe(expected);
    expect(out).toMatch(
      new RegExp(`task.checkpointed.nightly\\n.*task.${end}.nightly.*\\n.*task +nightly\\nstate +${end}`, 's'),
    );
  });

  it('sees that a task had ended before it began to follow it', async () => {
    states = ['running', 'completed'];
    connections = [(response) => void response.write(OPEN)];
    expect(await purser('task', 'watch', 'nightly', '--json')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\{"task":\{.*"state":"completed".*\}\n$/) as string,
    });
  });

  it('draws the table of tasks over the last one when something happens, on a screen', async () => {
    states = ['ready', 'running'];
    // Long enough for the table to be drawn again, which is no sooner than half a second after the first.
    connections = [
      (response) => {
        response.write(OPEN + event(3, 'task.started.nightly'));
        setTimeout(() => response.end(), 1_500);
      },
    ];
    screen = true;
    const { out } = await purser('task', 'watch');
    screen = false;
    const drawn = out.split('\u001b[H\u001b[J').slice(1);
    expect(drawn[0]).toMatch(/TASK +STATE.*\nnightly +ready/s);
    expect(drawn.at(-1)).toMatch(/nightly +running/);
    expect(drawn.length).toBeLessThan(5);
  });

  it('says what was missed', async () => {
    const gap = 'event: gap\ndata: {"after":1,"resumesAfter":9,"reason":"no longer kept"}\n\n';
    connections = [(response) => void response.end(gap + OPEN)];
    expect((await purser('events')).err).toContain('Some events were missed: no longer kept.');
  });
});
