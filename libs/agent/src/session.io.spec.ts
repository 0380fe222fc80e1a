import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect, ControlError, NothingDone, type Purser, UnknownOutcome } from './index.js';

/** What the control API was asked, and what it answers, by path. */
const asked: { path: string; body: unknown }[] = [];
let answers: Record<string, (body: Record<string, unknown>) => [status: number, body?: unknown]> = {};

const read = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
};

const server = createServer((request, response) => {
  void read(request).then((text) => {
    const path = (request.url ?? '').replace('/secret/', '').split('?')[0]!;
    const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
    // The question for the wrap is left without an answer: it waits.
    if (path === 'wrap') return;
    if (path !== 'resources') asked.push({ path, body });
    const [status, answer] = answers[path]?.(body) ?? [200, {}];
    response.writeHead(status);
    response.end(answer === undefined ? undefined : JSON.stringify(answer));
  });
});

let purser: Purser;
const refusal = (code: string) => ({ error: { code, message: 'no', details: {} } });
const saved = () => asked.filter(({ path }) => path === 'checkpoint').map(({ body }) => body);

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

beforeEach(async () => {
  answers = { 'effects/begin': () => [200, { state: 'begun' }] };
  const { port } = server.address() as AddressInfo;
  purser = await connect({ PURSER_CONTROL_URL: `http://127.0.0.1:${port}/secret/`, PURSER_TASK_ID: 't' });
  asked.length = 0;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

it('says that it is not run by Purser', async () => {
  await expect(connect({})).rejects.toThrow('PURSER_CONTROL_URL is not set');
});

it('asks again when Purser is busy, and not when it refuses', async () => {
  let busy = 2;
  answers.progress = () => ((busy -= 1) >= 0 ? [503, refusal('unavailable')] : [200, { wrap: false, reason: null }]);
  await expect(purser.progress({ done: 1 })).resolves.toEqual({ wrap: false, reason: null });
  expect(asked).toHaveLength(3);
  answers.checkpoint = () => [409, refusal('stale_epoch')];
  const refused = purser.checkpoint({});
  await expect(refused).rejects.toBeInstanceOf(ControlError);
  await expect(refused).rejects.toMatchObject({ code: 'stale_epoch', status: 409 });
  expect(saved()).toHaveLength(1);
});

describe('an effect', () => {
  const done = jest.fn(() => Promise.resolve({ id: 7 }));

  beforeEach(() => done.mockClear());

  it('is journalled before and after', async () => {
    done.mockImplementationOnce(() => {
      expect(asked.map(({ path }) => path)).toEqual(['effects/begin']);
      return Promise.resolve({ id: 7 });
    });
    await expect(purser.effect('mail', done)).resolves.toEqual({ id: 7 });
    expect(asked.at(-1)).toEqual({ path: 'effects/finish', body: { key: 'mail', result: { id: 7 } } });
  });

  it('that was done gives its result back', async () => {
    answers['effects/begin'] = () => [200, { state: 'done', result: { id: 3 } }];
    await expect(purser.effect('mail', done)).resolves.toEqual({ id: 3 });
    expect(done).not.toHaveBeenCalled();
  });

  it('of unknown outcome throws, unless somebody can find out', async () => {
    const unknown = { state: 'unknown', epoch: 1, sessionId: 's', begunAt: '2026-11-23T10:00:00Z' };
    answers['effects/begin'] = () => [200, unknown];
    await expect(purser.effect('mail', done)).rejects.toBeInstanceOf(UnknownOutcome);
    await expect(purser.effect('mail', done, { unknown: () => ({ done: { id: 5 } }) })).resolves.toEqual({ id: 5 });
    expect(done).not.toHaveBeenCalled();
    answers['effects/withdraw'] = () => {
      answers['effects/begin'] = () => [200, { state: 'begun' }];
      return [200, {}];
    };
    await expect(purser.effect('mail', done, { unknown: () => undefined })).resolves.toEqual({ id: 7 });
    expect(done).toHaveBeenCalledTimes(1);
  });

  it('that fails stays open, unless nothing was done', async () => {
    await expect(purser.effect('mail', () => Promise.reject(new Error('broke off')))).rejects.toThrow('broke off');
    expect(asked.map(({ path }) => path)).toEqual(['effects/begin']);
    await expect(purser.effect('mail', () => Promise.reject(new NothingDone('nobody there')))).rejects.toThrow(
      'nobody',
    );
    expect(asked.at(-1)).toEqual({ path: 'effects/withdraw', body: { key: 'mail' } });
  });
});

describe('units', () => {
  const numbers = [1, 2, 3, 4];
  const sum = (item: number, { state }: { state: number }) => state + item;

  it('begin where the last session ended, and save the last one', async () => {
    answers.checkpoint = () => [200, { purser: { next: 2 }, state: 3 }];
    answers.progress = () => [200, { wrap: false, reason: null }];
    await expect(purser.units(numbers, sum, { initial: 0 })).resolves.toBe(10);
    expect(saved().at(-1)).toEqual({ purser: { next: 4 }, state: 10 });
    expect(asked.at(-2)).toEqual({ path: 'progress', body: { done: 4, total: 4 } });
  });

  it('save and end when the answer to the progress says so', async () => {
    const exit = jest.spyOn(process, 'exit').mockImplementation(() => {
      throw new Error('ended');
    });
    answers.checkpoint = () => [204];
    answers.progress = () => [200, { wrap: true, reason: 'tokens 0.86 of its limit' }];
    await expect(purser.units(numbers, sum, { initial: 0 })).rejects.toThrow('ended');
    expect(exit).toHaveBeenCalledWith(75);
    expect(saved().at(-1)).toEqual({ purser: { next: 1 }, state: 1 });
    exit.mockRestore();
  });

  it('do not go on from a checkpoint that is not theirs', async () => {
    answers.checkpoint = () => [200, { step: 4 }];
    await expect(purser.units(numbers, sum, { initial: 0 })).rejects.toThrow('was not saved by units()');
  });
});
