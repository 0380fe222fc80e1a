import { createInterface } from 'node:readline';
import { Inject, Injectable } from '@nestjs/common';
import Docker from 'dockerode';
import { z } from 'zod';
import { type ContainerSeen, isLive } from './container-choice.js';
import { dockerAddress } from './docker-address.js';

/** Injection token of DOCKER_HOST. */
export const DOCKER_HOST = Symbol('docker-host');

const CALL_MS = 5_000;
/** Beyond the grace period: what an engine under load takes to kill, to clear away and to answer. */
const STOP_SLACK_MS = 10_000;

export interface Stopped {
  fate: 'stopped' | 'killed' | 'gone' | 'alive';
  detail: string;
}

const Listed = z.object({
  Id: z.string(),
  Names: z.array(z.string()).nullish(),
  Image: z.string().default(''),
  Labels: z.record(z.string(), z.string()).nullish(),
  State: z.string(),
});
const Inspected = z.object({
  State: z.object({ Status: z.string(), ExitCode: z.number().default(0) }),
  HostConfig: z.object({ RestartPolicy: z.object({ Name: z.string() }).nullish() }).nullish(),
});
const Event = z.object({ Actor: z.object({ ID: z.string() }) });

const statusOf = (error: unknown): number | undefined => {
  const { statusCode } = (error ?? {}) as { statusCode?: unknown };
  return typeof statusCode === 'number' ? statusCode : undefined;
};
const wordsOf = (error: unknown): string => (error instanceof Error ? error.message.trim() : String(error));

/** What is asked of Docker's API, and nothing more: list, inspect, update the restart policy, stop, kill, events. */
@Injectable()
export class DockerEngine {
  constructor(@Inject(DOCKER_HOST) private readonly host: string | undefined) {}

  /** Undefined when this machine has no Docker. */
  async find(): Promise<FoundEngine | undefined> {
    const address = await dockerAddress(this.host);
    return address && new FoundEngine(address.shown, new Docker(address.options));
  }
}

export class FoundEngine {
  constructor(
    readonly shown: string,
    private readonly docker: Docker,
  ) {}

  /** Also those that do not run: what one was called is known when it comes back. */
  async list(): Promise<ContainerSeen[]> {
    const found = await this.docker.listContainers({ all: true, abortSignal: AbortSignal.timeout(CALL_MS) });
    return z
      .array(Listed)
      .parse(found)
      .map(({ Id, Names, Image, Labels, State }) => ({
        id: Id,
        name: Names?.[0]?.replace(/^\//, '') ?? Id.slice(0, 12),
        image: Image,
        state: State,
        labels: Labels ?? {},
      }));
  }

  /**
   * Never rejects. First the restart policy, or the engine starts it again; what a policy was is told, so that a person can
   * put it back. Then SIGTERM and, after the grace period, SIGKILL, and a look at what came of it.
   */
  async stop(id: string, graceSeconds: number): Promise<Stopped> {
    const notes: string[] = [];
    try {
      const before = await this.inspect(id);
      if (!before) return { fate: 'gone', detail: 'it was removed' };
      const policy = before.HostConfig?.RestartPolicy?.Name ?? '';
      if (policy !== '' && policy !== 'no') notes.push(await this.dropRestartPolicy(id, policy));
      const refused = await this.ask(id, 'stop', graceSeconds);
      if (refused !== undefined) notes.push(refused, (await this.ask(id, 'kill', 0)) ?? 'it was killed');
      const after = await this.inspect(id);
      return {
        ...fateOf(before, after, refused !== undefined),
        detail: notes.filter((note) => note !== '').join('; '),
      };
    } catch (error) {
      return { fate: 'alive', detail: [...notes, wordsOf(error)].join('; ') };
    }
  }

  /** The ids of containers that start or go on, as they do; until aborted, or the engine hangs up. */
  async *starts(signal: AbortSignal): AsyncGenerator<string> {
    const filters = { type: ['container' as const], event: ['start', 'unpause', 'restart'] };
    const stream = await this.docker.getEvents({ filters, abortSignal: signal } as Docker.GetEventsOptions);
    const lines = createInterface({ input: stream });
    const hangUp = () => (stream as NodeJS.ReadableStream & { destroy(): void }).destroy();
    signal.addEventListener('abort', hangUp, { once: true });
    // The interface notices the end of its input, but not an input that fails or is hung up on.
    stream.on('error', () => lines.close()).on('close', () => lines.close());
    try {
      for await (const line of lines) {
        const event = Event.safeParse(parsed(line));
        if (event.success) yield event.data.Actor.ID;
      }
    } finally {
      signal.removeEventListener('abort', hangUp);
      hangUp();
    }
  }

  private async inspect(id: string): Promise<z.output<typeof Inspected> | undefined> {
    try {
      return Inspected.parse(await this.docker.getContainer(id).inspect({ abortSignal: AbortSignal.timeout(CALL_MS) }));
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  }

  private async dropRestartPolicy(id: string, policy: string): Promise<string> {
    try {
      const abortSignal = AbortSignal.timeout(CALL_MS);
      await this.docker.getContainer(id).update({ RestartPolicy: { Name: 'no' }, abortSignal });
      return `its restart policy was ${policy}, now no`;
    } catch (error) {
      // One that removes itself has no policy that could be changed, and one that is gone needs none.
      if (statusOf(error) === 404) return '';
      return `its restart policy ${policy} could not be changed: ${wordsOf(error)}`;
    }
  }

  /** What was wrong, in words. 304: it did not run any more. 404: it is gone. 409: it cannot be killed since it does not run. */
  private async ask(id: string, what: 'stop' | 'kill', graceSeconds: number): Promise<string | undefined> {
    const abortSignal = AbortSignal.timeout(graceSeconds * 1_000 + STOP_SLACK_MS);
    const container = this.docker.getContainer(id);
    try {
      if (what === 'stop') await container.stop({ t: graceSeconds, abortSignal });
      else await container.kill({ signal: 'SIGKILL', abortSignal });
      return undefined;
    } catch (error) {
      const status = statusOf(error);
      if (status === 304 || status === 404 || (what === 'kill' && status === 409)) return undefined;
      return `${what}: ${wordsOf(error)}`;
    }
  }
}

type State = z.output<typeof Inspected>;

function fateOf(before: State, after: State | undefined, forced: boolean): Pick<Stopped, 'fate'> {
  if (after && isLive({ state: after.State.Status })) return { fate: 'alive' };
  if (!isLive({ state: before.State.Status })) return { fate: 'gone' };
  // 128 + SIGKILL: it did not heed the SIGTERM before.
  return { fate: forced || after?.State.ExitCode === 137 ? 'killed' : 'stopped' };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
