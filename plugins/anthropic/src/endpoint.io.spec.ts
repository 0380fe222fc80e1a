import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import plugin from './index.js';
import { model, provide, request, send, signal } from './provider.fixture.js';

describe('at a server of its own kind', () => {
  const at = async (answer: RequestListener, use: (url: string) => Promise<void>) => {
    const server = createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  };

  it('sends its own headers and the client’s of the protocol, no others', async () => {
    const seen: Record<string, unknown>[] = [];
    const answer: RequestListener = (asked, response) => {
      seen.push(asked.headers);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"content": [], "usage": null}');
    };
    process.env.ANTHROPIC_CUSTOM_HEADERS = 'x-other: not for this server';
    try {
      await at(answer, async (url) => {
        const provider = provide({ baseUrl: url, apiKeyEnv: 'KEY' }, { KEY: 'sk-ant-key' });
        await provider.chat(request(), { signal });
        const headers = {
          'anthropic-version': '2026-10-21',
          'anthropic-beta': 'a,b',
          'x-other': 'no',
          'x-api-key': 'psk',
        };
        for (const given of [{}, headers])
          for await (const part of (await send(provider, {}, given)).body) expect(part.length).toBeGreaterThan(0);
      });
    } finally {
      delete process.env.ANTHROPIC_CUSTOM_HEADERS;
    }
    const own = { 'x-api-key': 'sk-ant-key', 'anthropic-version': '2023-06-01' };
    expect(seen).toMatchObject([own, own, { ...own, 'anthropic-version': '2026-10-21', 'anthropic-beta': 'a,b' }]);
    for (const headers of seen) {
      expect(headers).not.toHaveProperty('x-other');
      expect(headers).not.toHaveProperty('authorization');
    }
  });

  it('takes its key to no other address', async () => {
    let followed = 0;
    await at(
      () => (followed += 1),
      (elsewhere) =>
        at(
          (_asked, response) => response.writeHead(307, { location: elsewhere }).end(),
          async (url) => {
            const provider = provide({ baseUrl: url, apiKeyEnv: 'KEY' }, { KEY: 'sk-ant-key' });
            const moved = { kind: 'unknown', status: 307, mayBill: false };
            await expect(provider.chat(request(), { signal })).rejects.toMatchObject(moved);
            await expect(send(provider, {})).rejects.toMatchObject(moved);
          },
        ),
    );
    expect(followed).toBe(0);
  });

  it('never repeats its key in an error', async () => {
    const answer: RequestListener = (_asked, response) =>
      response
        .writeHead(401, { 'content-type': 'application/json' })
        .end('{"error": {"message": "not sk-ant-secret"}}');
    await at(answer, async (url) => {
      const provider = provide({ baseUrl: url, apiKeyEnv: 'KEY' }, { KEY: 'sk-ant-secret' });
      const failed = await provider.chat(request(), { signal }).catch((error: unknown) => error);
      const passed = await send(provider, {}).catch((error: unknown) => error);
      for (const error of [failed, passed]) {
        expect(error).toMatchObject({ kind: 'auth', status: 401, message: 'not [secret]' });
        expect((error as Error).cause).toBeUndefined();
      }
    });
  });

  it('takes a stream that just ends, and an answer that is none, as failures that may be billed', async () => {
    const start = { type: 'message_start', message: { id: 'x', model, content: [] } };
    await at(
      (asked, response) => {
        asked.resume().once('end', () => {
          response.setHeader('content-type', 'text/event-stream');
          response.end(`event: message_start\ndata: ${JSON.stringify(start)}\n\n`);
        });
      },
      async (url) => {
        const reading = (async () => {
          for await (const part of provide({ baseUrl: url }).streamChat(request(), { signal })) void part;
        })();
        await expect(reading).rejects.toMatchObject({ kind: 'connection', mayBill: true });
      },
    );
    await at(
      (_asked, response) => response.end('<h1>Welcome</h1>'),
      async (url) => {
        await expect(provide({ baseUrl: url }).chat(request(), { signal })).rejects.toMatchObject({
          kind: 'unknown',
          mayBill: true,
          message: expect.stringContaining('does not answer as Anthropic does') as string,
        });
      },
    );
  });
});

describe('check() without a call', () => {
  it.each([
    [{}, {}, 'ANTHROPIC_API_KEY is not set; set ANTHROPIC_API_KEY in the environment'],
    [{ apiKeyEnv: 'OTHER_KEY' }, { ANTHROPIC_API_KEY: 'sk-x' }, 'OTHER_KEY is not set'],
    [{}, { ANTHROPIC_BASE_URL: 'localhost:8000' }, 'ANTHROPIC_BASE_URL is not an http or https URL'],
  ])('%j with %j: %s', async (config, secrets, reason) => {
    expect(await provide(config, secrets).check({ signal })).toEqual({
      available: false,
      reason: expect.stringContaining(reason) as string,
    });
  });

  it('refuses settings that cannot be meant', () => {
    const problems = (config: object) => plugin.config.safeParse(config).error?.issues.map((issue) => issue.message);
    expect(problems({ apiKeyEnv: 'sk-ant-1234' })).toEqual([expect.stringContaining('never the key itself')]);
    expect(problems({ baseUrl: 'localhost' })).toEqual([expect.stringContaining('an http or https URL')]);
    expect(problems({ baseURL: 'http://127.0.0.1' })).toHaveLength(1);
  });

  it('says what it cannot do, the configured included', () => {
    const { unsupportedParameters, cancelledCallsBill } = provide({ unsupportedParameters: ['temperature', 'n'] });
    expect(unsupportedParameters).toEqual(expect.arrayContaining(['n', 'logprobs', 'seed', 'temperature']));
    expect(new Set(unsupportedParameters).size).toBe(unsupportedParameters?.length);
    expect(cancelledCallsBill).toBe('full');
    expect(provide({ cancelledCallsBill: 'delivered' }).cancelledCallsBill).toBe('delivered');
  });
});

it('vouches for the counts of Anthropic alone, unless told otherwise', () => {
  const [own, other] = ['https://api.anthropic.com', 'http://127.0.0.1:1'];
  expect(provide({}).countBoundsInput).toBe(true);
  expect(provide({ baseUrl: own }).countBoundsInput).toBe(true);
  expect(provide({ baseUrl: own, holdByCount: false }).countBoundsInput).toBe(false);
  expect(provide({ baseUrl: other }).countBoundsInput).toBe(false);
  expect(provide({}, { ANTHROPIC_BASE_URL: other }).countBoundsInput).toBe(false);
  expect(provide({}, { ANTHROPIC_BASE_URL: 'no address' }).countBoundsInput).toBe(false);
  expect(provide({ baseUrl: other, holdByCount: true }).countBoundsInput).toBe(true);
});
