import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Spend } from '@purser/contracts';
import { eventually } from '@purser/testing';
import { openWorld, type World } from './gateway.fixture.js';

/** What a provider sends, byte for byte, as none of the well-behaved ones would. */
export interface RawAnswer {
  status?: number;
  contentType?: string;
  headers?: Record<string, string>;
  /** Before the first byte. */
  latencyMs?: number;
  /** Written one after the other. */
  pieces: readonly (Uint8Array | string)[];
  /** The connection breaks instead of ending. */
  cut?: boolean;
}

export interface RawUpstream {
  url: string;
  calls: number;
  /** To every call from now on. */
  answer: RawAnswer;
  close(): Promise<void>;
}

export async function startRawUpstream(): Promise<RawUpstream> {
  const server = createServer((request, response) => {
    request.resume();
    request.once('end', () => {
      upstream.calls += 1;
      void send(upstream.answer);
    });
    const send = async ({ status = 200, contentType, headers, latencyMs = 0, pieces, cut }: RawAnswer) => {
      await wait(latencyMs);
      response.writeHead(status, { 'content-type': contentType ?? 'text/event-stream', ...headers });
      response.flushHeaders();
      for (const piece of pieces) {
        if (response.destroyed) return;
        if (!response.write(piece)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
        await new Promise(setImmediate);
      }
      if (cut) response.destroy();
      else response.end();
    };
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const upstream: RawUpstream = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls: 0,
    answer: { pieces: [] },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return upstream;
}

/** One price for all tokens: $10 per million. */
const PRICE = { inputPerMillionUsd: '10', outputPerMillionUsd: '10' };
/** A model that failed is left alone for a while, so each call may have one of its own. */
const MODELS_OF_EACH = 400;
export const PROVIDERS = ['openai', 'anthropic', 'delivered', 'speaking'] as const;

export interface RawWorld {
  upstream: RawUpstream;
  /** Capabilities that nobody has asked for yet. */
  fresh(provider: (typeof PROVIDERS)[number]): string;
  ask(path: string, body: unknown): Promise<{ status: number; text: string }>;
  /** What was settled since the last look, once it is so many attempts. */
  settled(attempts: number): Promise<Spend[]>;
  close(): Promise<void>;
}

/** A gateway under a budget, with one raw upstream behind all its providers. `delivered` is an `openai` that declares that it bills nothing else, `speaking` one that speaks Responses. */
export async function openRawWorld(): Promise<RawWorld> {
  const upstream = await startRawUpstream();
  const config = await mkdtemp(join(tmpdir(), 'purser-raw-'));
  const openai = { use: '@purser/openai', config: { baseUrl: `${upstream.url}/v1`, apiKeyEnv: 'DEMO_KEY' } };
  const plugins = [
    openai,
    { ...openai, name: 'delivered', config: { ...openai.config, cancelledCallsBill: 'delivered' } },
    { ...openai, name: 'speaking', config: { ...openai.config, protocols: ['chat-completions', 'responses'] } },
    { use: '@purser/anthropic', config: { baseUrl: upstream.url, apiKeyEnv: 'DEMO_KEY' } },
  ];
  const ladders = PROVIDERS.flatMap((provider) =>
    Array.from({ length: MODELS_OF_EACH }, (_, n) => [
      `${provider}-${n}`,
      { tier_1_paid: { provider, model: `raw-${n}`, price: PRICE, maxOutputTokens: 4_096 } },
    ]),
  );
  await writeFile(join(config, 'plugins.json'), JSON.stringify({ plugins }));
  await writeFile(join(config, 'models.json'), JSON.stringify(Object.fromEntries(ladders)));
  const world: World = await openWorld({ env: { PURSER_CONFIG_DIR: config, DEMO_KEY: 'sk-demo' } });
  world.watchdog.setBudget({ id: 'all', scope: {}, period: 'total', limitUsd: '1000' });
  await world.watchdog.beat();
  let looked = 0;
  let asked = 0;
  return {
    upstream,
    fresh: (provider) => `${provider}-${asked++ % MODELS_OF_EACH}`,
    ask: async (path, body) => {
      const response = await fetch(world.gateway.url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${world.adminKey}` },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(20_000),
      });
      return { status: response.status, text: await response.text() };
    },
    settled: async (attempts) => {
      const spends = await eventually(() => {
        const news = world.watchdog.spends.slice(looked);
        expect(news.length).toBeGreaterThanOrEqual(attempts);
        return news;
      });
      looked += spends.length;
      return spends;
    },
    close: async () => {
      await world.close();
      await upstream.close();
      await rm(config, { recursive: true, force: true });
    },
  };
}
