import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { sessionsCheckpoint, sessionsEffects, sessionsHandoff } from '@purser/contracts';
import { cloneIsOpen, eventually, expectNoChildren } from '@purser/testing';
import { TestRunner } from '../runner.fixture.js';

let runner: TestRunner;

jest.setTimeout(30_000);

beforeAll(async () => {
  runner = await TestRunner.start({ PURSER_EXTENSION_MAX_MS: '10000' });
});

afterAll(async () => {
  await runner.stop();
  await expectNoChildren();
});

/** Tells its control address, and works on until it is asked to wrap up; heeds that after `delay` seconds. */
const waits = (delay = 0) => ({
  argv: [
    'sh',
    '-c',
    `echo "at $PURSER_CONTROL_URL"; trap 'sleep ${delay}; exit 75' TERM; while :; do sleep 0.05; done`,
  ],
});

let tasks = 0;

/** A session that waits, and its address as a program has it. */
async function begin(limits = {}, delay = 0): Promise<{ id: string; url: string }> {
  const id = `task-${(tasks += 1)}`;
  await runner.others.submit({ taskId: id, input: waits(delay), limits });
  return { id, url: await runner.printed(id, 'at ') };
}

async function end(id: string): Promise<void> {
  runner.others.verdicts.set(id, 'cancel');
  await runner.finishOf(id);
}

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

async function ask(url: string, method: string, path: string, body?: unknown): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`${url}/${path}`, { method, ...(body === undefined ? {} : { body: text }) });
  const answer = await response.text();
  return { status: response.status, body: (answer === '' ? {} : JSON.parse(answer)) as Record<string, unknown> };
}

const refusal = (code: string, words: RegExp) => ({
  error: expect.objectContaining({ code, message: expect.stringMatching(words) as string }) as unknown,
});

it('tells the budget, takes progress, checkpoints and a handoff', async () => {
  const { id, url } = await begin({ tokens: 1000, seconds: 60 });
  runner.others.tokens.set(`${id}-s1`, 760);
  await eventually(async () => {
    const { body } = await ask(url, 'GET', 'resources');
    expect(body).toMatchObject({
      taskId: id,
      epoch: 1,
      level: 'warning',
      wrap: false,
      limits: { tokens: 1000, seconds: 60 },
      used: { tokens: 760 },
    });
  });
  expect(await ask(url, 'GET', 'checkpoint')).toEqual({ status: 204, body: {} });
  expect((await ask(url, 'POST', 'progress', { done: 3, total: 10 })).body).toMatchObject({ wrap: false });
  const saved = await ask(url, 'POST', 'checkpoint', '{ "at":  7 }');
  expect(saved).toMatchObject({ status: 200, body: { number: 1 } });
  // Stored when it is answered, to the byte.
  const stored = await runner.others.bus.call(sessionsCheckpoint, { id });
  expect(stored).toMatchObject({ digest: saved.body.digest, state: { at: 7 } });
  expect(await (await fetch(`${url}/checkpoint`)).text()).toBe('{ "at":  7 }');
  await ask(url, 'POST', 'handoff', '# Go on at 7');
  expect(await runner.others.bus.call(sessionsHandoff, { id })).toMatchObject({ markdown: '# Go on at 7' });
  await eventually(() => {
    const beat = runner.others.heartbeats.flatMap(({ sessions }) => sessions).findLast(({ taskId }) => taskId === id);
    expect(beat).toMatchObject({ progress: { done: 3, total: 10 }, checkpoint: { number: 1 } });
  });
  await end(id);
});

it('says what is wrong with a request', async () => {
  const { id, url } = await begin();
  expect(await ask(url, 'POST', 'checkpoint', '{"half":')).toMatchObject({
    status: 422,
    body: refusal('invalid_request', /not JSON/),
  });
  expect(await ask(url, 'POST', 'checkpoint', JSON.stringify('x'.repeat(16 * 1024 * 1024)))).toMatchObject({
    status: 413,
    body: refusal('payload_too_large', /above the limit of 16777216/),
  });
  expect(await ask(url, 'POST', 'progress', { done: 'three' })).toMatchObject({
    status: 422,
    body: refusal('invalid_request', /done/),
  });
  expect(await ask(url, 'POST', 'resources')).toMatchObject({
    status: 404,
    body: refusal('not_found', /resources takes GET/),
  });
  expect(await ask(url, 'GET', 'budget')).toMatchObject({
    status: 404,
    body: refusal('not_found', /there are resources/),
  });
  expect(await ask(url.slice(0, -1), 'GET', 'resources')).toMatchObject({
    status: 404,
    body: refusal('not_found', /no session has this address/),
  });
  await end(id);
});

it('takes no more large bodies of a session at once than it has room for', async () => {
  const [{ id, url }, other] = await Promise.all([begin(), begin()]);
  const { port, pathname } = new URL(url);
  const size = 15 * 1024 * 1024;
  const stuck = await Promise.all(
    Array.from({ length: 2 }, async () => {
      const socket = connect(Number(port), '127.0.0.1');
      await once(socket, 'connect');
      socket.write(`POST ${pathname}/checkpoint HTTP/1.1\r\nhost: x\r\ncontent-length: ${size}\r\n\r\n"`);
      return socket;
    }),
  );
  const large = JSON.stringify('x'.repeat(size));
  // Once those have arrived.
  await eventually(
    async () => {
      const answer = await ask(url, 'POST', 'checkpoint', large);
      expect(answer).toMatchObject({ status: 503, body: refusal('unavailable', /no room/) });
    },
    { timeoutMs: 20_000 },
  );
  expect(await ask(url, 'POST', 'checkpoint', '{"at":7}')).toMatchObject({ status: 200 });
  expect(await ask(other.url, 'POST', 'checkpoint', large)).toMatchObject({ status: 200 });
  stuck.pop()?.destroy();
  expect(await ask(url, 'POST', 'checkpoint', large)).toMatchObject({ status: 200 });
  for (const socket of stuck) socket.destroy();
  await Promise.all([end(id), end(other.id)]);
});

it('serves nobody but the user whom the session runs as', async () => {
  const { id, url } = await begin();
  const program = `const answer = await fetch('${url}/resources'); console.log(answer.status, await answer.text())`;
  const askAs = async (uid?: number) => {
    const options = { cwd: '/', ...(uid === undefined ? {} : { uid }) };
    return (await promisify(execFile)('node', ['--input-type=module', '-e', program], options)).stdout;
  };
  expect(await askAs()).toMatch(/^200 /);
  // Only root can be somebody else.
  if (process.getuid?.() === 0) {
    expect(await askAs(54_321)).toMatch(/^403 .*not for uid 54321/);
    // As who the session runs, where that is not root for want of an open clone.
    if (cloneIsOpen()) expect(await askAs(65_534)).toMatch(/^200 /);
  }
  await end(id);
});

it('lets a program wait for the wrap, which says why, and dies with the session', async () => {
  const { id, url } = await begin({ tokens: 1000 });
  expect(await ask(url, 'GET', 'wrap?seconds=0')).toMatchObject({ status: 200, body: { wrap: false, reason: null } });
  const waiting = ask(url, 'GET', 'wrap');
  runner.others.tokens.set(`${id}-s1`, 860);
  expect((await waiting).body).toEqual({ wrap: true, reason: 'tokens 0.86 of its limit' });
  await runner.finishOf(id);
  await eventually(async () => expect((await ask(url, 'GET', 'resources')).status).toBe(404));
  runner.others.verdicts.set(id, 'cancel');
});

it('waits for a long unit beyond the grace period, within a bound', async () => {
  const endOf = async (id: string) => {
    await end(id);
    return (await runner.others.bus.call(sessionsHandoff, { id })).markdown;
  };
  // They need 2.5 s after SIGTERM, and the grace period is 1.5 s.
  const long = await begin({}, 2.5);
  expect((await ask(long.url, 'POST', 'extend', { seconds: 60 })).body).toEqual({ seconds: 10 });
  expect(await endOf(long.id)).toContain('it ended with exit code 75');
  const hasty = await begin({}, 2.5);
  expect(await endOf(hasty.id)).toContain('it did not end within 1500 ms and was killed');
});

it('says which setting is wrong when it cannot listen', async () => {
  const { port } = new URL(runner.service.url);
  await expect(TestRunner.start({ PURSER_CONTROL_PORT: port })).rejects.toThrow(
    `PURSER_CONTROL_HOST, PURSER_CONTROL_PORT: cannot listen on 127.0.0.1:${port}`,
  );
});

describe('effects', () => {
  const effect = (url: string, what: string, body: object) => ask(url, 'POST', `effects/${what}`, body);

  it('are done once: the result is given to whoever begins them again, also in another session', async () => {
    const { id, url } = await begin({ tokens: 1000 });
    expect((await effect(url, 'begin', { key: 'mail-7', attempt: 'a' })).body).toEqual({ state: 'begun' });
    // The answer was lost, and the same try asks again.
    expect((await effect(url, 'begin', { key: 'mail-7', attempt: 'a' })).body).toEqual({ state: 'begun' });
    expect(await effect(url, 'finish', { key: 'mail-7', result: { id: 99 } })).toMatchObject({ status: 200 });
    expect(await effect(url, 'finish', { key: 'mail-7', result: { id: 99 } })).toMatchObject({ status: 200 });
    expect(await effect(url, 'finish', { key: 'mail-7', result: { id: 1 } })).toMatchObject({
      status: 409,
      body: refusal('conflict', /has a result already/),
    });
    expect((await effect(url, 'begin', { key: 'mail-8' })).body).toEqual({ state: 'begun' });

    runner.others.tokens.set(`${id}-s1`, 860);
    await runner.finishOf(id);
    const second = await eventually(async () => {
      const found = (await runner.logOf(id)).filter(({ text }) => text.startsWith('at '))[1];
      if (!found) throw new Error('no second session');
      return found.text.slice(3);
    });
    expect(second).not.toBe(url);
    expect((await effect(second, 'begin', { key: 'mail-7' })).body).toEqual({ state: 'done', result: { id: 99 } });
    // Nobody knows whether the first session sent it.
    const unknown = (await effect(second, 'begin', { key: 'mail-8' })).body;
    expect(unknown).toMatchObject({ state: 'unknown', epoch: 1, sessionId: `${id}-s1` });
    expect((await effect(second, 'begin', { key: 'mail-8' })).body).toEqual(unknown);
    expect(await runner.others.bus.call(sessionsEffects, { id })).toMatchObject({
      effects: [
        { key: 'mail-7', state: 'done', result: { id: 99 }, epoch: 1 },
        { key: 'mail-8', state: 'open', result: null, epoch: 1 },
      ],
    });
    // Somebody found out that it did not.
    expect(await effect(second, 'withdraw', { key: 'mail-8' })).toMatchObject({ status: 200 });
    expect((await effect(second, 'begin', { key: 'mail-8' })).body).toEqual({ state: 'begun' });
    await effect(second, 'finish', { key: 'mail-8', result: null });
    expect(await effect(second, 'forget', { key: 'mail-7' })).toMatchObject({ status: 200 });
    const { effects } = await runner.others.bus.call(sessionsEffects, { id });
    expect(effects.map(({ key, state, epoch }) => ({ key, state, epoch }))).toEqual([
      { key: 'mail-8', state: 'done', epoch: 2 },
    ]);
    await end(id);
    // They go with what the task has left behind.
    await runner.query('DELETE FROM sessions.fences WHERE task_id = $1', [id]);
    expect(await runner.others.bus.call(sessionsEffects, { id })).toEqual({ effects: [], next: 0 });
  });

  it('have bounds', async () => {
    const { id, url } = await begin();
    await effect(url, 'begin', { key: 'big' });
    expect(await effect(url, 'finish', { key: 'big', result: 'x'.repeat(17 * 1024) })).toMatchObject({
      status: 413,
      body: refusal('payload_too_large', /keep it in the workspace/),
    });
    expect(await effect(url, 'finish', { key: 'never', result: 1 })).toMatchObject({
      status: 404,
      body: refusal('not_found', /never begun/),
    });
    expect(await effect(url, 'forget', { key: 'big' })).toMatchObject({
      status: 409,
      body: refusal('conflict', /withdraw/),
    });
    expect(await effect(url, 'begin', { key: 'x'.repeat(201) })).toMatchObject({ status: 422 });
    await runner.query(
      `INSERT INTO sessions.effects (task_id, key, epoch, session_id, attempt, begun_at)
       SELECT $1, 'n' || n, 1, 's', 'a', now() FROM generate_series(1, 9999) n`,
      [id],
    );
    expect(await effect(url, 'begin', { key: 'one-more' })).toMatchObject({
      status: 409,
      body: refusal('conflict', /10000 effects, the most/),
    });
    await end(id);
  });

  it('and everything else of a session are refused once a newer one owns the task', async () => {
    const { id, url } = await begin();
    await effect(url, 'begin', { key: 'half-done' });
    await runner.query(`UPDATE sessions.fences SET epoch = 2, session_id = 'another' WHERE task_id = $1`, [id]);
    expect(await effect(url, 'finish', { key: 'half-done', result: 'late' })).toMatchObject({
      status: 409,
      body: refusal('stale_epoch', /a newer session owns task/),
    });
    const { effects } = await runner.others.bus.call(sessionsEffects, { id });
    expect(effects).toMatchObject([{ key: 'half-done', state: 'open', result: null }]);
    await eventually(async () => expect((await ask(url, 'GET', 'resources')).status).toBe(404));
    expect(runner.others.finishesOf(id)).toEqual([]);
  });
});
