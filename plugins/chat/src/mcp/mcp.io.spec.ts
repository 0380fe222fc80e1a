import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { aliveOf, createExecutor, TestTask, until } from '../chat-session.fixture.js';
import { call, finish, type Reply, ScriptedModel } from '../scripted-model.fixture.js';

const modules = join(__dirname, '..', '..', '..', '..', 'node_modules');
/** The reference servers, as npm has them; run by Node itself, since the session's user has no npm of its own. */
const everything = join(modules, '@modelcontextprotocol/server-everything/dist/index.js');
const filesystem = join(modules, '@modelcontextprotocol/server-filesystem/dist/index.js');
const command = process.execPath;

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

type Servers = Record<string, object>;
const sessionWith = (mcpServers: Servers) => task.session({ goal: 'go', mcpServers: mcpServers as never });

async function resultsOf(mcpServers: Servers, ...replies: Reply[]): Promise<string[]> {
  model.replies(...replies, finish('ok'));
  const session = sessionWith(mcpServers);
  await expect(session.run()).resolves.toEqual({ kind: 'completed', result: 'ok' });
  expect(aliveOf(session.sessionId)).toEqual([]);
  return model.results;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

describe('the reference server over stdio', () => {
  const servers = { every: { command, args: [everything, 'stdio'], env: { API_TOKEN: 'a-very-secret-token' } } };

  it('tells its tools, and answers calls of them', async () => {
    const results = await resultsOf(
      servers,
      call('every__echo', { message: 'hello' }),
      call('every__get-sum', { a: 2, b: 40 }),
      call('every__get-tiny-image'),
      call('every__get-sum', { a: 'two' }),
      call('every__missing'),
    );
    expect(results[0]).toBe('Echo: hello');
    expect(results[1]).toContain('42');
    expect(results[2]).toMatch(/\[image, image\/png, \d+ bytes: not shown\]/);
    expect(results[3]).toMatch(/^ERROR: /);
    expect(results[4]).toMatch(/no tool "every__missing"; there are every__/);
    const offered = model.requests[0]!.tools!.map((tool) => tool.function);
    expect(offered.map(({ name }) => name)).toContain('every__get-sum');
    expect(offered.find(({ name }) => name === 'every__get-sum')!.parameters).toMatchObject({
      type: 'object',
      required: ['a', 'b'],
    });
  });

  it('is given its own variables and none of the session’s keys; what is secret shows nowhere', async () => {
    const session = sessionWith(servers);
    model.replies(call('every__get-env'), finish('ok'));
    await session.run();
    const [shown] = model.results;
    expect(shown).toContain('"API_TOKEN": "[secret]"');
    expect(shown).toContain('"PURSER_TASK_ID": "task-1"');
    expect(shown).not.toContain('OPENAI_API_KEY');
    expect(session.text).not.toContain('a-very-secret-token');
    expect(Buffer.concat(task.checkpoints).toString()).not.toContain('a-very-secret-token');
  });

  it('only offers the tools that are named', async () => {
    await resultsOf({ every: { ...servers.every, only: ['echo'] } });
    expect(model.requests[0]!.tools!.map((tool) => tool.function.name)).toEqual(['every__echo', 'finish']);
  });

  it('has its calls cut off in time, and when the session ends', async () => {
    const slow = call('every__trigger-long-running-operation', { duration: 60, steps: 2 });
    const [result] = await resultsOf({ every: { ...servers.every, timeoutSeconds: 0.3 } }, slow);
    expect(result).toMatch(/no answer within 0.3 s; it is not known/);

    task.checkpoints.length = 0;
    const session = sessionWith(servers);
    model.replies(slow);
    const asked = model.requests.length;
    const running = session.run();
    await until(
      'the call runs',
      () => model.requests.length > asked && session.text.includes('long-running-operation'),
    );
    expect(aliveOf(session.sessionId).length).toBeGreaterThan(0);
    session.killing.abort(new Error('lease lost'));
    await expect(running).resolves.toMatchObject({ kind: 'continue', reason: 'lease lost' });
    expect(aliveOf(session.sessionId)).toEqual([]);
  });

  it('is counted with the session’s memory', async () => {
    const executor = createExecutor();
    const session = sessionWith(servers);
    model.script = () => ({ hang: true });
    const asked = model.requests.length;
    const running = executor.run(session);
    await until('the model is asked', () => model.requests.length > asked);
    expect(await executor.memoryMb(session.sessionId)).toBeGreaterThan(20);
    session.killing.abort();
    await running;
    expect(await executor.memoryMb(session.sessionId)).toBeUndefined();
  });
});

describe('the reference server over streamable HTTP', () => {
  let server: ChildProcess;
  let url: string;

  beforeAll(async () => {
    const port = await freePort();
    server = spawn(command, [everything, 'streamableHttp'], {
      env: { PORT: String(port) },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    url = `http://127.0.0.1:${port}/mcp`;
    let said = '';
    server.stderr!.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await until('the server listens', () => said.includes('listening'));
  });

  afterAll(async () => {
    server.kill('SIGKILL');
    await once(server, 'exit');
  });

  it('tells its tools, and answers calls of them side by side', async () => {
    const sum = (a: number) => ({ name: 'web__get-sum', arguments: { a, b: 1 } });
    const results = await resultsOf({ web: { url } }, { calls: [sum(1), sum(10), sum(100)] });
    expect(results.map((text) => /is (\d+)/.exec(text)?.[1])).toEqual(['2', '11', '101']);
  });
});

describe('the reference server for files', () => {
  it('works on the workspace as the session’s user, beside the built-in tools', async () => {
    writeFileSync(join(task.workspace, 'a.txt'), 'hello\n');
    const servers = { fs: { command, args: [filesystem, task.workspace] } };
    const results = await resultsOf(
      servers,
      call('fs__read_text_file', { path: join(task.workspace, 'a.txt') }),
      call('fs__write_file', { path: join(task.workspace, 'b.txt'), content: 'written' }),
      call('fs__read_text_file', { path: '/etc/passwd' }),
    );
    expect(results[0]).toContain('hello');
    expect(readFileSync(join(task.workspace, 'b.txt'), 'utf8')).toBe('written');
    expect(results[2]).toMatch(/^ERROR: .*outside allowed directories/);
  });
});

describe('a server that misbehaves', () => {
  /** As little of the protocol as it takes; `act` is what a call of its tool does. */
  const server = (act: string) => ({
    command,
    args: [
      '-e',
      `
      const fs = require('node:fs');
      const say = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n');
      fs.appendFileSync('starts', 'x');
      console.error('I begin, with ' + process.env.TOKEN);
      let rest = '';
      process.stdin.on('data', (chunk) => {
        const lines = (rest + chunk).split('\\n');
        rest = lines.pop();
        for (const line of lines) {
          const { id, method, params } = JSON.parse(line);
          if (method === 'initialize') say({ id, result: { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'bad', version: '1' } } });
          if (method === 'tools/list') say({ id, result: { tools: [{ name: 'act', inputSchema: { type: 'object' } }] } });
          if (method === 'tools/call') { ${act} }
        }
      });
      `,
    ],
    env: { TOKEN: 'the-secret-of-this-server' },
  });
  const starts = () => readFileSync(join(task.workspace, 'starts'), 'utf8').length;
  const ok = "say({ id, result: { content: [{ type: 'text', text: 'fine' }] } });";

  it('is started again when it ends, so many times; then the model is told', async () => {
    const act = "if (fs.existsSync('good')) { " + ok + " } else { console.error('I give up'); process.exit(3); }";
    const results = await resultsOf({ bad: server(act) }, ...Array.from({ length: 6 }, () => call('bad__act')));
    expect(results[0]).toMatch(
      /"bad" ended or broke off during the call.*I give up.*not known whether it took effect/s,
    );
    expect(starts()).toBe(4);
    expect(results.at(-1)).toMatch(/ended too often/);
  });

  it('goes on where it left off once it is back', async () => {
    const act = `if (fs.existsSync('good')) { ${ok} } else { fs.writeFileSync('good', ''); process.exit(3); }`;
    const results = await resultsOf({ bad: server(act) }, call('bad__act'), call('bad__act'));
    expect(results[1]).toBe('fine');
    expect(starts()).toBe(2);
  });

  it('may print what is no message', async () => {
    const results = await resultsOf({ bad: server(`console.log('debug: called'); ${ok}`) }, call('bad__act'));
    expect(results).toEqual(['fine']);
  });

  it('has its standard error in the log, without its secrets', async () => {
    const session = sessionWith({ bad: server(ok) });
    model.replies(call('bad__act'), finish('ok'));
    await session.run();
    expect(session.text).toContain('stderr bad: I begin, with [secret]');
    expect(session.text).not.toContain('the-secret-of-this-server');
  });

  it('floods: it is ended, and the model told', async () => {
    const act = "process.stdout.write('x'.repeat(12 * 1024 * 1024));";
    const [result] = await resultsOf({ bad: server(act) }, call('bad__act'));
    expect(result).toMatch(/broke off during the call/);
  });

  it('leaves nothing behind that it started', async () => {
    const act = `require('node:child_process').spawn('setsid', ['sleep', '1000'], { detached: true, stdio: 'ignore' }).unref(); ${ok}`;
    await resultsOf({ bad: server(act) }, call('bad__act'));
  });

  it.each([
    ['cannot be started', { command: '/nowhere/server' }, /could not be reached.*ENOENT/],
    ['ends at once', { command, args: ['-e', 'console.error("no licence"); process.exit(1)'] }, /no licence/],
    ['is not there', { url: 'http://127.0.0.1:9/mcp' }, /could not be reached/],
  ])('fails the session when it %s', async (_what, bad, told) => {
    const result = await sessionWith({ bad }).run();
    expect(result).toMatchObject({
      kind: 'failed',
      error: { code: 'tools', message: expect.stringMatching(told) as string },
    });
    expect(model.requests).toHaveLength(0);
  });

  it('does not hold up a session that is to end while it starts', async () => {
    mkdirSync(join(task.workspace, 'x'));
    const session = sessionWith({ bad: { command: 'sh', args: ['-c', 'touch began; sleep 1000'] } });
    session.graceMs = 1_000;
    const running = session.run();
    await until('it runs', () => existsSync(join(task.workspace, 'began')));
    session.wrapping.abort(new Error('shutdown'));
    await expect(running).resolves.toMatchObject({ kind: 'continue' });
    expect(aliveOf(session.sessionId)).toEqual([]);
  });
});
