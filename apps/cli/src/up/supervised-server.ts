import { setTimeout as delay } from 'node:timers/promises';
import type { ServerExit } from '@purser/embedded';

/** What libs/embedded gives for each server that it starts. */
export interface Server {
  pid: number;
  exited: Promise<ServerExit>;
  stop(): Promise<void>;
}

export interface SupervisionOptions<S extends Server> {
  name: string;
  /** Starts it; also again after a crash, then on the same port and data. */
  launch: () => Promise<S>;
  say: (message: string) => void;
  /** It cannot be kept alive. */
  giveUp: (error: Error) => void;
}

const FIRST_WAIT_MS = 250;
const MAX_WAIT_MS = 10_000;
const TRIES = 8;
/** After this long without a crash the next one starts counting anew. */
const HEALTHY_MS = 60_000;

/** A server of this machine that is started again when it crashes. */
export class SupervisedServer<S extends Server> {
  private readonly ending = new AbortController();
  private watching: Promise<void>;

  private constructor(
    private readonly options: SupervisionOptions<S>,
    private server: S,
  ) {
    this.watching = this.watch();
  }

  static async start<S extends Server>(options: SupervisionOptions<S>): Promise<SupervisedServer<S>> {
    return new SupervisedServer(options, await options.launch());
  }

  get current(): S {
    return this.server;
  }

  async stop(): Promise<void> {
    this.ending.abort();
    await this.server.stop();
    // A restart that was under way when we were told to stop leaves another server to end.
    await this.watching;
    await this.server.stop();
  }

  private async watch(): Promise<void> {
    const { name, say, giveUp } = this.options;
    let failures = 0;
    while (!this.ending.signal.aborted) {
      const startedAt = performance.now();
      const exit = await this.server.exited;
      if (this.ending.signal.aborted) return;
      if (performance.now() - startedAt > HEALTHY_MS) failures = 0;
      say(`${name} ended (${exit.signal ?? `exit code ${exit.code}`}); starting it again.`);
      failures = await this.relaunch(failures + 1);
      if (failures > TRIES) {
        giveUp(new Error(`${name} ended ${failures} times in a row and is not started again.`));
        return;
      }
    }
  }

  /** @returns how many failures in a row there are now */
  private async relaunch(failures: number): Promise<number> {
    const { name, launch, say } = this.options;
    for (let count = failures; count <= TRIES; count += 1) {
      await delay(Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** (count - 1)), undefined, {
        signal: this.ending.signal,
      }).catch(() => undefined);
      if (this.ending.signal.aborted) return 0;
      try {
        this.server = await launch();
        if (!this.ending.signal.aborted) say(`${name} runs again.`);
        return count;
      } catch (error) {
        say(`${name} did not start: ${(error as Error).message}`);
      }
    }
    return TRIES + 1;
  }
}
