import { ComputeFailed } from '@purser/plugin-sdk';
import Docker from 'dockerode';
import { z } from 'zod';
import type { DockerAddress } from './address.js';
import { Inspected, isPart, Listed, MANAGED, nameOf, PARTS, type Seen } from './containers.js';

const CALL_MS = 15_000;
const PULL_MS = 600_000;
const GONE_MS = 60_000;
const LOOK_AGAIN_MS = 100;

const Info = z.object({ MemTotal: z.number(), NCPU: z.number(), MemoryLimit: z.boolean().default(true) });

const NOT_REACHED = new Set(['ECONNREFUSED', 'ENOENT', 'EACCES', 'ENOTFOUND', 'EHOSTUNREACH']);

export const statusOf = (error: unknown): number | undefined => {
  const { statusCode } = (error ?? {}) as { statusCode?: unknown };
  return typeof statusCode === 'number' ? statusCode : undefined;
};
const wordsOf = (error: unknown): string => (error instanceof Error ? error.message.trim() : String(error));

/** What this driver asks of Docker's API. */
export class Engine {
  private readonly docker: Docker;

  constructor(private readonly address: DockerAddress) {
    this.docker = new Docker(address.options);
  }

  async capacity(signal: AbortSignal): Promise<{ memoryMb: number; cpus: number; limitsMemory: boolean }> {
    const { MemTotal, NCPU, MemoryLimit } = Info.parse(
      await this.ask(signal, CALL_MS, () => this.docker.info() as Promise<unknown>),
    );
    return { memoryMb: Math.floor(MemTotal / 2 ** 20), cpus: NCPU, limitsMemory: MemoryLimit };
  }

  /** Of one installation, or of all. */
  async list(installation: string | undefined, signal: AbortSignal): Promise<Seen[]> {
    const label = [MANAGED, ...(installation === undefined ? [] : [`purser-installation=${installation}`])];
    const found = await this.ask(signal, CALL_MS, (abortSignal) =>
      this.docker.listContainers({ all: true, filters: { label }, abortSignal }),
    );
    return z.array(Listed).parse(found);
  }

  /** Whichever of the two containers there are, also such as are not ours. */
  async pair(vm: string, signal: AbortSignal): Promise<Seen[]> {
    const found = await Promise.all(PARTS.map((part) => this.inspect(nameOf(vm, part), signal)));
    return found.filter((one) => one !== undefined);
  }

  private async inspect(name: string, signal: AbortSignal): Promise<Seen | undefined> {
    try {
      return Inspected.parse(
        await this.ask(signal, CALL_MS, (abortSignal) => this.docker.getContainer(name).inspect({ abortSignal })),
      );
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  }

  async fetchImage(image: string, signal: AbortSignal): Promise<void> {
    try {
      await this.ask(signal, CALL_MS, () => this.docker.getImage(image).inspect());
    } catch (error) {
      if (statusOf(error) !== 404) throw error;
      await this.pull(image, signal);
    }
  }

  private async pull(image: string, signal: AbortSignal): Promise<void> {
    try {
      await this.ask(signal, PULL_MS, async (abortSignal) => {
        const stream = await this.docker.pull(image, { abortSignal });
        await new Promise<void>((resolve, reject) =>
          this.docker.modem.followProgress(stream, (error: Error | null) => (error ? reject(error) : resolve())),
        );
      });
    } catch (error) {
      signal.throwIfAborted();
      const kind = statusOf(error) === 404 || statusOf(error) === 400 ? 'refused' : 'unavailable';
      throw new ComputeFailed(
        kind,
        `the image "${image}" is not on the Docker host and could not be pulled: ${wordsOf(error)}`,
        { cause: error },
      );
    }
  }

  async create(body: Docker.ContainerCreateOptions, signal: AbortSignal): Promise<string> {
    const { name } = body;
    // The client writes the whole body, secrets too, into the address else.
    const separate = { _query: { name }, _body: body };
    const made = await this.ask(signal, CALL_MS, (abortSignal) =>
      this.docker.createContainer({ ...separate, abortSignal }),
    );
    return made.id;
  }

  async start(id: string, signal: AbortSignal): Promise<void> {
    await this.ask(signal, CALL_MS, (abortSignal) => this.docker.getContainer(id).start({ abortSignal }));
  }

  /** Resolves when they are gone. */
  async remove(parts: readonly Seen[], signal: AbortSignal): Promise<void> {
    // With the agent the component ends. Also what has lost its label of a part goes.
    const agentFirst = [...parts].sort((a, b) => Number(isPart(b, 'agent')) - Number(isPart(a, 'agent')));
    for (const { id } of agentFirst) {
      try {
        await this.ask(signal, CALL_MS, (abortSignal) =>
          this.docker.getContainer(id).remove({ force: true, v: true, abortSignal }),
        );
      } catch (error) {
        // 409: it is being removed already.
        if (statusOf(error) !== 404 && statusOf(error) !== 409) throw error;
      }
    }
    const bound = within(signal, GONE_MS);
    for (const { id } of parts)
      while ((await this.inspect(id, bound)) !== undefined) {
        bound.throwIfAborted();
        await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
      }
  }

  /** Of what never reached Docker it is known that it was not done. */
  private async ask<T>(signal: AbortSignal, ms: number, call: (bound: AbortSignal) => Promise<T>): Promise<T> {
    const bound = within(signal, ms);
    try {
      return await untilAborted(call(bound), bound);
    } catch (error) {
      bound.throwIfAborted();
      const { code } = error as { code?: unknown };
      if (typeof code !== 'string' || !NOT_REACHED.has(code)) throw error;
      throw new ComputeFailed(
        'unavailable',
        `Docker at ${this.address.shown} cannot be reached (${code}). Is it running, and may this user use it? ` +
          'In compose it takes docker compose --profile offload up -d.',
        { cause: error },
      );
    }
  }
}

const within = (signal: AbortSignal, ms: number): AbortSignal => AbortSignal.any([signal, AbortSignal.timeout(ms)]);

/** Not every call of the client heeds a signal. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    if (signal.aborted) onAbort();
  });
}
