import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { logTo } from '@purser/service';
import { describe } from '../commands/command.js';
import { requireConfiguration } from '../configuration/read-configuration.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { findConfigDir, findHome, type Home } from '../home.js';
import { ensureSecrets, writePrivate } from '../nats/secrets.js';
import type { Terminal } from '../terminal.js';
import { type HomeLock, lockHome } from './home-lock.js';
import { Installation, type Running } from './installation.js';
import { LogFile, terminalLine } from './log-file.js';
import { requirePorts } from './ports.js';
import { prepareHome } from './prepare-home.js';
import { askReady } from './ready.js';
import { type Ready, readyText } from './ready-text.js';
import { loadServices } from './services.js';
import { clearAbandoned } from './servers.js';
import { portUses, type Settings } from './settings.js';
import { StopSignal } from './stop-signal.js';

/** Sessions and calls in flight are given time to end in order; no more than this, or so long after the sessions' grace. */
const STOP_WITHIN_MS = 30_000;
const AFTER_GRACE_MS = 20_000;

/** What everything is started for. */
export interface Purpose {
  /** When everything runs. */
  announce(ready: Ready): void;
  /** Resolves when it is served, with the reason; rejects when it cannot be. Never, to go on until somebody stops it. */
  served(running: Running, signal: AbortSignal): Promise<string>;
  /** While everything still runs, and is about to be stopped. */
  conclude(reason: string, running: Running, installation: Installation): Promise<void>;
}

/** Starts everything in this process and keeps it running until somebody asks it to stop. */
export const up = (terminal: Terminal, { json = false }: { json?: boolean }): Promise<ExitCode> =>
  launch(terminal, {
    announce: (ready) => terminal.out(json ? `${JSON.stringify(ready)}\n` : `\n${readyText(ready, terminal)}`),
    served: () => new Promise(() => undefined),
    conclude: () => Promise.resolve(),
  });

/** Starts everything in this process, until its purpose is served or somebody asks it to stop. */
export async function launch(terminal: Terminal, purpose: Purpose): Promise<ExitCode> {
  const startedAt = performance.now();
  const settings = await requireConfiguration(terminal.env, findConfigDir(terminal.env, terminal.cwd));
  const home = findHome(terminal.env, terminal.cwd);
  await prepareHome(home);
  const lock = lockHome(home);
  try {
    return await new Launch(terminal, home, settings, purpose, startedAt).run(lock);
  } finally {
    logTo(undefined);
    lock.release();
  }
}

/** One life of the one-process Purser. */
class Launch {
  private readonly failed: Promise<Error>;
  private fail: (error: Error) => void = () => undefined;
  private installation: Installation | undefined;
  private starting: Promise<unknown> = Promise.resolve();
  private stopping = false;
  private readonly over = new AbortController();

  constructor(
    private readonly terminal: Terminal,
    private readonly home: Home,
    private readonly settings: Settings,
    private readonly purpose: Purpose,
    private readonly startedAt: number,
  ) {
    this.failed = new Promise((resolve) => (this.fail = resolve));
  }

  async run(lock: HomeLock): Promise<ExitCode> {
    const signal = new StopSignal(() => this.endAtOnce('Ended at once, as asked for again.'));
    const onDefect = (error: unknown) => this.fail(error instanceof Error ? error : new Error(String(error)));
    process.on('uncaughtException', onDefect).on('unhandledRejection', onDefect);
    try {
      const starting = this.start(lock);
      this.starting = starting.catch(() => undefined);
      const asked = Promise.race([signal.requested.then((name) => `asked to stop (${name})`), this.failed]);
      const first = await Promise.race([starting, asked]);
      if (first instanceof Error) throw first;
      if (first === undefined || typeof first === 'string') await this.halt();
      else {
        const reason = await Promise.race([asked, this.purpose.served(first, this.over.signal)]);
        if (reason instanceof Error) throw reason;
        await this.halt((installation) => this.purpose.conclude(reason, first, installation));
      }
      this.say('Purser has stopped.');
      return EXIT.ok;
    } catch (error) {
      const failure = this.explained(error);
      await this.stop();
      throw failure;
    } finally {
      signal.close();
      process.off('uncaughtException', onDefect).off('unhandledRejection', onDefect);
    }
  }

  private async start(lock: HomeLock): Promise<Running | undefined> {
    const { terminal, home, settings } = this;
    const { idleTiers } = await loadServices()['model-gateway'];
    for (const one of await idleTiers(findConfigDir(terminal.env, terminal.cwd))) this.say(`Warning: ${one}`);
    const ended = await clearAbandoned(home);
    if (lock.abandoned || ended.length > 0) this.tellAbandoned(lock.abandoned?.pid, ended);
    await requirePorts(portUses(settings));
    const secrets = await ensureSecrets(home);
    if (this.stopping) return undefined;
    const logFile = this.takeLogs();
    this.installation = new Installation(
      {
        env: terminal.env,
        home,
        settings,
        secrets,
        say: (text) => this.say(text),
        giveUp: (error) => this.fail(error),
      },
      { ...terminal.env, PURSER_HOME: home.root, PURSER_CONFIG_DIR: findConfigDir(terminal.env, terminal.cwd) },
    );
    const running = await this.installation.start();
    // One of before would lead other programs to a server that is not used.
    if (running.nats.toolsUrl === undefined) await rm(home.natsUrl, { force: true });
    else await writePrivate(home.natsUrl, `${running.nats.toolsUrl}\n`);
    const ready = await askReady({ running, home, logFile, startedAt: this.startedAt });
    this.purpose.announce(ready);
    return running;
  }

  /** All logs into one file, and warnings to the terminal too; unless a format was asked for: then to standard output. */
  private takeLogs(): string | null {
    if (this.settings.PURSER_LOG_FORMAT !== undefined) return null;
    const file = join(this.home.logs, 'purser.log');
    const { err, style } = this.terminal;
    logTo(
      new LogFile(file, (line) => {
        const shown = terminalLine(line, style);
        if (shown !== undefined) err(shown);
      }),
    );
    return file;
  }

  private tellAbandoned(pid: number | undefined, ended: string[]): void {
    const who = pid === undefined ? 'An earlier Purser' : `An earlier Purser (pid ${pid})`;
    const what = ended.length === 0 ? 'nothing of it was left running' : `ended what it left: ${ended.join(', ')}`;
    this.say(`${who} was killed; ${what}.`);
  }

  private async halt(conclude?: (installation: Installation) => Promise<void>): Promise<void> {
    this.say('Stopping ...');
    await this.stop(conclude);
  }

  private async stop(conclude?: (installation: Installation) => Promise<void>): Promise<void> {
    const grace = Number(this.terminal.env.PURSER_GRACE_MS ?? 0);
    const withinMs = Math.max(STOP_WITHIN_MS, grace + AFTER_GRACE_MS);
    const force = setTimeout(
      () => this.endAtOnce(`Stopping took longer than ${withinMs / 1000} s; ended at once.`),
      withinMs,
    );
    this.stopping = true;
    this.over.abort(new Error('it is about to stop'));
    if (conclude && this.installation) await this.tryTo(conclude, this.installation);
    const failures = (await this.installation?.stop()) ?? [];
    await this.starting;
    clearTimeout(force);
    for (const failure of failures) this.say(`Did not stop in order: ${failure}`);
  }

  /** Whatever becomes of it, everything is stopped after it. */
  private async tryTo(
    conclude: (installation: Installation) => Promise<void>,
    installation: Installation,
  ): Promise<void> {
    try {
      await conclude(installation);
    } catch (error) {
      this.say(`What was done cannot be told: ${describe(error)}`);
    }
  }

  private endAtOnce(why: string): never {
    this.installation?.killServers();
    this.say(`${why} The next start clears what is left.`);
    process.exit(EXIT.failed);
  }

  /** As it is told to the person who started us; whatever it was, the start or the run has failed. */
  private explained(error: unknown): Error {
    const message = error instanceof Error ? error.message : String(error);
    const data = this.installation?.postgresData;
    if (data === undefined || !message.includes('password authentication failed'))
      return new Error(message, { cause: error });
    return new Error(
      `The database in ${data} was made with another password than is in ${this.home.secrets} now: that folder was deleted or replaced.\nPut the old one back. Or, to begin anew without the tasks and the ledger in it, remove ${data}.`,
      { cause: error },
    );
  }

  private say(message: string): void {
    this.terminal.err(`${this.terminal.typed(message)}\n`);
  }
}
