import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { PurserError } from '@purser/contracts';
import { runGuarded } from '@purser/guard';
import { Log } from '@purser/service';
import { DOCKER_HOST } from '../components/docker-components.js';
import { dockerAt } from '../components/docker-host.js';
import { LocalChildrenRepository } from './local-children.repository.js';
import type { Movable } from './movables.js';
import { Patience } from './patience.js';

const HEALTH_MS = 3_000;
const STOP_SECONDS = 10;
/** The engine answers when it has stopped, or killed, what was to be stopped. */
const ANSWER_MS = 3 * STOP_SECONDS * 1_000;
/** The longest that a timer takes, 24.8 days: what is ended by that is started again, as after any other end. */
const LONGEST_MS = 2 ** 31 - 1;

/** A program that ends sooner than this was not up. */
const UP_MS = 60_000;

/** Between two looks at what is to run: well within the time after which a manager counts as gone. */
const LOOK_MS = 2_000;

interface Child {
  stop: AbortController;
  ended: Promise<void>;
}

/** Starts and stops components on this machine: containers by their names, or programs as children of one manager that end with it. */
@Injectable()
export class LocalComponents implements OnApplicationShutdown {
  private readonly children = new Map<string, Child>();
  private readonly patience = new Patience();

  private lookedAt = -Infinity;
  /** Whether there may be a row of this manager without a child: one that it could not release, or of its life before. */
  private mayHaveRows = true;

  constructor(
    private readonly log: Log,
    private readonly rows: LocalChildrenRepository,
    @Inject(DOCKER_HOST) private readonly dockerHost: string | undefined,
  ) {}

  async onApplicationShutdown(): Promise<void> {
    await Promise.all(
      [...this.children.keys()].map((name) =>
        this.end(name).catch((error: unknown) =>
          this.log.warn({ component: name, error }, 'a component was not let go'),
        ),
      ),
    );
  }

  /** Ends what another manager moves away, or runs, and lets go what does not run here any more. */
  async follow(): Promise<void> {
    if (!this.mayHaveRows && this.children.size === 0) return;
    if (performance.now() - this.lookedAt < LOOK_MS) return;
    this.lookedAt = performance.now();
    const here = [...this.children.keys()];
    const rows = await this.rows.refresh();
    const wanted = new Set(rows.filter((row) => row.wanted).map(({ component }) => component));
    const left = rows.map(({ component }) => component).filter((name) => !this.children.has(name));
    this.mayHaveRows = left.length > 0;
    for (const name of here) if (!wanted.has(name)) await this.end(name);
    for (const name of left) if (!wanted.has(name)) await this.release(name);
  }

  async isHealthy({ local, healthPath }: Movable): Promise<boolean> {
    if (!local) return false;
    try {
      const response = await fetch(`${new URL(local.url).origin}${healthPath}`, {
        signal: AbortSignal.timeout(HEALTH_MS),
      });
      await response.body?.cancel();
      return response.ok;
    } catch {
      return false;
    }
  }

  /** Of one that runs, nothing is changed; one that has just ended by itself waits, each time longer. One that nobody said how to start is somebody else's to start. */
  async start({ name, local, env }: Movable): Promise<void> {
    if (local?.container !== undefined) return this.container(local.container, 'start');
    if (local?.command === undefined || this.children.has(name)) return;
    if (!this.patience.isDue(name) || !(await this.rows.take(name)) || this.children.has(name)) return;
    const startedAt = performance.now();
    const stop = new AbortController();
    const ended = runGuarded({
      id: `component-${name}`,
      argv: [...local.command],
      cwd: local.cwd ?? process.cwd(),
      env: { PATH: '/usr/local/bin:/usr/bin:/bin', ...env },
      timeoutMs: LONGEST_MS,
      signal: stop.signal,
    })
      .then(({ code, stderr }) => {
        if (!stop.signal.aborted) this.log.warn({ component: name, code, stderr }, 'a component has ended by itself');
      })
      .catch((error: unknown) => this.log.warn({ component: name, error }, 'a component could not be started'))
      .then(async () => {
        if (performance.now() - startedAt >= UP_MS) this.patience.succeeded(name);
        if (!stop.signal.aborted) {
          this.patience.failed(name);
          // Otherwise nobody but this manager could start it, or move it.
          await this.release(name).catch((error: unknown) =>
            this.log.warn({ component: name, error }, 'a component that has ended was not let go yet'),
          );
        }
        this.children.delete(name);
      });
    this.children.set(name, { stop, ended });
  }

  /** Rejects while another manager runs it, which ends it soon. */
  async stop(component: Movable): Promise<void> {
    const instance = await this.unwant(component);
    if (instance === undefined) return;
    throw new PurserError('unavailable', { message: `${component.name} is run by ${instance}, which is to end it` });
  }

  /** @returns who is still to end it, if that is another manager */
  async unwant({ name, local }: Movable): Promise<string | undefined> {
    if (local?.container !== undefined) await this.container(local.container, 'stop');
    else if (local?.command !== undefined) {
      await this.end(name);
      return this.rows.unwant(name);
    }
    return undefined;
  }

  private async end(name: string): Promise<void> {
    const child = this.children.get(name);
    if (!child) return;
    await endOf(child);
    await this.release(name);
  }

  private async release(name: string): Promise<void> {
    try {
      await this.rows.release(name);
    } catch (error) {
      this.mayHaveRows = true;
      throw error;
    }
  }

  private async container(name: string, what: 'start' | 'stop'): Promise<void> {
    const docker = await dockerAt(this.dockerHost, ANSWER_MS);
    if (!docker)
      throw new PurserError('unavailable', {
        message: `there is no Docker that could ${what} ${name}; in compose it takes docker compose --profile offload up -d`,
      });
    const container = docker.getContainer(name);
    try {
      if (what === 'start') await container.start();
      else await container.stop({ t: STOP_SECONDS, abortSignal: AbortSignal.timeout(ANSWER_MS) });
    } catch (error) {
      // 304: it is so already.
      if ((error as { statusCode?: unknown }).statusCode === 304) return;
      throw new PurserError('unavailable', {
        message: `Docker does not ${what} the container ${name}: ${error instanceof Error ? error.message.trim() : String(error)}`,
        cause: error,
      });
    }
  }
}

const endOf = async ({ stop, ended }: Child): Promise<void> => {
  stop.abort();
  await ended;
};
