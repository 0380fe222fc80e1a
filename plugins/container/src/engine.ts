import type { Readable } from 'node:stream';
import Docker from 'dockerode';
import { z } from 'zod';

const CALL_MS = 20_000;
/** A sign of life that is not heard by then is given up, so that the next one goes. */
const SIGN_MS = 1_000;
const MEMORY_MS = 5_000;
/** What takes longer goes on, and is asked for again. */
const REMOVE_MS = 10_000;
/** Also for images of some gigabytes. */
const PULL_MS = 30 * 60_000;
const MIB = 1024 * 1024;

const About = z.object({
  network: z.object({ name: z.string(), subnet: z.string(), gateway: z.string().optional() }),
  bridge: z.boolean(),
  most: z.object({ memoryMb: z.number(), cpus: z.number(), pids: z.number() }),
});
export type About = z.output<typeof About>;

const Image = z.object({ Id: z.string(), RepoDigests: z.array(z.string()).nullish() });
const Inspected = z.object({ State: z.object({ OOMKilled: z.boolean(), ExitCode: z.number() }) });
const Stats = z.object({
  memory_stats: z.object({ usage: z.number().optional(), stats: z.record(z.string(), z.number()).optional() }),
});

export const statusOf = (error: unknown): number | undefined => {
  const { statusCode } = (error ?? {}) as { statusCode?: unknown };
  return typeof statusCode === 'number' ? statusCode : undefined;
};
/** What the engine or the gate said, without the words that the client puts around it. */
export const wordsOf = (error: unknown): string => {
  const { json } = (error ?? {}) as { json?: { message?: unknown } };
  if (typeof json?.message === 'string') return json.message.trim();
  return (error instanceof Error ? error.message : String(error)).replace(/^\(HTTP code \d+\) [^-]*- /, '').trim();
};

/** What became of a sign of life. Given up: the gate heard none for as long as was said. Unknown: it made no such container. */
export type WordOfGate = 'watched' | 'given_up' | 'unknown';

const soon = (): AbortSignal => AbortSignal.timeout(CALL_MS);

/** What is asked of a gate. */
export class Engine {
  private readonly docker: Docker;

  constructor(socketPath: string) {
    this.docker = new Docker({ socketPath });
  }

  async about(): Promise<About> {
    return About.parse(await this.dial('GET', '/purser/about'));
  }

  /** What the name stands for at present; undefined when the image is not here. */
  async image(name: string): Promise<{ id: string; digest: string | undefined } | undefined> {
    try {
      const { Id, RepoDigests } = Image.parse(
        await this.docker.getImage(name).inspect({ abortSignal: soon() } as object),
      );
      return { id: Id, digest: RepoDigests?.[0] };
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  }

  /** Rejects with what the registry said. */
  async pull(name: string, signal: AbortSignal): Promise<void> {
    const abortSignal = AbortSignal.any([signal, AbortSignal.timeout(PULL_MS)]);
    const stream = await this.docker.pull(name, { abortSignal });
    await new Promise<void>((resolve, reject) => {
      const done = (error: Error | null): void => (error ? reject(error) : resolve());
      abortSignal.addEventListener('abort', () => done(new Error('it was not waited for any longer')), { once: true });
      this.docker.modem.followProgress(stream, done);
    });
  }

  async create(body: Docker.ContainerCreateOptions): Promise<string> {
    return (await this.docker.createContainer({ ...body, abortSignal: soon() })).id;
  }

  async start(id: string, signal: AbortSignal): Promise<void> {
    const abortSignal = AbortSignal.any([signal, AbortSignal.timeout(3 * CALL_MS)]);
    await this.docker.getContainer(id).start({ abortSignal });
  }

  /** @returns the exit code, when it has ended */
  async wait(id: string, signal: AbortSignal): Promise<number> {
    const { StatusCode } = (await this.docker.getContainer(id).wait({ abortSignal: signal })) as { StatusCode: number };
    return StatusCode;
  }

  /** Undefined when it is not there any more. */
  async ending(id: string): Promise<{ code: number; outOfMemory: boolean } | undefined> {
    try {
      const { State } = Inspected.parse(await this.docker.getContainer(id).inspect({ abortSignal: soon() }));
      return { code: State.ExitCode, outOfMemory: State.OOMKilled };
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  }

  /** Until it has ended, or the signal comes. */
  async output(id: string, signal: AbortSignal): Promise<Readable> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Error(`no answer within ${CALL_MS} ms`)), CALL_MS);
    const abortSignal = AbortSignal.any([signal, late.signal]);
    const options = { follow: true, stdout: true, stderr: true, abortSignal } as const;
    try {
      return (await this.docker.getContainer(id).logs(options)) as unknown as Readable;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Says that the container is wanted for so long from now. */
  async watch(id: string, forMs: number): Promise<WordOfGate> {
    try {
      await this.dial('POST', `/containers/${id}/watch?`, { for: Math.max(1, Math.floor(forMs)) }, SIGN_MS);
      return 'watched';
    } catch (error) {
      const status = statusOf(error);
      if (status === 410) return 'given_up';
      if (status === 404) return 'unknown';
      throw error;
    }
  }

  async kill(id: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    try {
      await this.docker.getContainer(id).kill({ signal, abortSignal: soon() });
    } catch (error) {
      // It has ended, or is gone.
      if (![404, 409].includes(statusOf(error) ?? 0)) throw error;
    }
  }

  /** @returns whether it is gone; not while somebody else is removing it */
  async remove(id: string): Promise<boolean> {
    try {
      const abortSignal = AbortSignal.timeout(REMOVE_MS);
      await this.docker.getContainer(id).remove({ force: true, v: true, abortSignal });
      return true;
    } catch (error) {
      if (statusOf(error) === 404) return true;
      if (statusOf(error) === 409) return false;
      throw error;
    }
  }

  /** MiB of all its processes, without the pages of files that could be dropped, as `docker stats` has it. */
  async memoryMb(id: string): Promise<number | undefined> {
    const options = { stream: false, 'one-shot': true, abortSignal: AbortSignal.timeout(MEMORY_MS) } as const;
    const stats: unknown = await this.docker.getContainer(id).stats(options);
    const { usage, stats: kinds } = Stats.parse(stats).memory_stats;
    if (usage === undefined) return undefined;
    return Math.max(0, usage - (kinds?.inactive_file ?? kinds?.total_inactive_file ?? 0)) / MIB;
  }

  /** A path that has a query ends in "?". */
  private dial(
    method: 'GET' | 'POST',
    path: string,
    query: Record<string, number> = {},
    timeoutMs = CALL_MS,
  ): Promise<unknown> {
    const statusCodes = {
      200: true,
      204: true,
      403: 'refused',
      404: 'not found',
      410: 'given up',
      502: 'the engine does not answer',
    };
    const options = { _query: query, _body: {} };
    return new Promise((resolve, reject) => {
      this.docker.modem.dial(
        { path, method, statusCodes, options, abortSignal: AbortSignal.timeout(timeoutMs) },
        (error: Error | null, answer: unknown) => (error ? reject(error) : resolve(answer)),
      );
    });
  }
}
