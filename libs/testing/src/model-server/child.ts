import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Behaviour, ScriptOptions } from './behaviour.js';
import type { CallRecord, Counters } from './bill.js';
import type { ModelServerOptions } from './server.js';

/** As `GET /__calls` tells it; nano-dollars as bigint again. */
export interface ModelServerCounts {
  counters: Counters;
  calls: CallRecord[];
}

export interface ModelServerProcess {
  url: string;
  openaiBaseUrl: string;
  pid: number;
  read(): Promise<ModelServerCounts>;
  script(behaviour: Behaviour, options?: ScriptOptions): Promise<void>;
  clearScript(): Promise<void>;
  stop(): Promise<void>;
}

const patience = 10_000;

async function firstLine(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('the model server has no standard output');
  const lines = createInterface({ input: child.stdout });
  const signal = AbortSignal.timeout(patience);
  const ended = once(child, 'exit', { signal }).then(([code]) => {
    throw new Error(`the model server ended with code ${String(code)} before it was ready`);
  });
  const [line] = (await Promise.race([once(lines, 'line', { signal }), ended])) as [string];
  ended.catch(() => undefined);
  return line;
}

/** The same server in a process of its own, for tests that kill what is around it. Needs a build (`tsc -b`). */
export async function spawnModelServer(
  options: ModelServerOptions,
  entry = join(process.cwd(), 'libs/testing/dist/model-server/main.js'),
): Promise<ModelServerProcess> {
  if (!existsSync(entry)) throw new Error(`${entry} is missing; build it with "npx tsc -b libs/testing"`);
  const child = spawn(process.execPath, [entry, JSON.stringify(options), '--with-parent'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    const last = setTimeout(() => child.kill('SIGKILL'), patience);
    await gone;
    clearTimeout(last);
  };
  const line = await firstLine(child).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  const address = JSON.parse(line) as { url: string; openaiBaseUrl: string };
  const call = async (path: string, init: RequestInit = {}): Promise<unknown> => {
    const response = await fetch(address.url + path, { ...init, signal: AbortSignal.timeout(patience) });
    if (!response.ok) throw new Error(`${path} answered ${response.status}`);
    return response.json();
  };
  return {
    ...address,
    pid: child.pid ?? 0,
    read: async () => {
      const counts = (await call('/__calls')) as ModelServerCounts;
      for (const entry of [counts.counters, ...counts.calls]) entry.billedNano = BigInt(entry.billedNano);
      return counts;
    },
    script: async (behaviour, where) => {
      await call('/__script', { method: 'POST', body: JSON.stringify({ behaviour, ...where }) });
    },
    clearScript: async () => {
      await call('/__script', { method: 'DELETE' });
    },
    stop,
  };
}
