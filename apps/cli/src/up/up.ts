import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { logTo } from '@purser/service';
import { requireConfiguration } from '../configuration/read-configuration.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { findConfigDir, findHome, type Home } from '../home.js';
import { ensureSecrets, writePrivate } from '../nats/secrets.js';
import type { Terminal } from '../terminal.js';
import { type HomeLock, lockHome } from './home-lock.js';
import { Installation } from './installation.js';
import { LogFile, terminalLine } from './log-file.js';
import { requirePorts } from './ports.js';
import { prepareHome } from './prepare-home.js';
import { askReady } from './ready.js';
import { readyText } from './ready-text.js';
import { loadServices } from './services.js';
import { clearAbandoned } from './servers.js';
import { portUses, type Settings } from './settings.js';
import { StopSignal } from './stop-signal.js';

/** Sessions and calls in flight are given time to end in order; no more than this. */
const STOP_WITHIN_MS = 30_000;

/** Starts everything in this process and keeps it running until somebody asks it to stop. */
export async function up(terminal: Terminal, { json = false }: { json?: boolean }): Promise<ExitCode> {
  const startedAt = performance.now();
  const settings = await requireConfiguration(terminal.env, findConfigDir(terminal.env, terminal.cwd));
  const home = findHome(terminal.env, terminal.cwd);
  await prepareHome(home);
  const lock = lockHome(home);
  try {
    return await new Launch(terminal, home, settings, json, startedAt).run(lock);
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

  constructor(
    private readonly terminal: Terminal,
    private readonly home: Home,
    private readonly settings: Settings,
    private readonly json: boolean,
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
      const first = await Promise.race([
        starting.then(() => 'ready' as const),
        signal.requested.then(() => 'signal' as const),
        this.failed,
      ]);
      const reason = first === 'ready' ? await Promise.race([signal.requested, this.failed]) : first;
      if (reason instanceof Error) throw reason;
      this.say('Stopping ...');
      await this.stop();
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

  private async start(lock: HomeLock): Promise<void> {
    const { terminal, home, settings } = this;
    const { idleTiers } = await loadServices()['model-gateway'];
    for (const one of await idleTiers(findConfigDir(terminal.env, terminal.cwd))) this.say(`Warning: ${one}`);
    const ended = await clearAbandoned(home);
    if (lock.abandoned || ended.length > 0) this.tellAbandoned(lock.abandoned?.pid, ended);
    await requirePorts(portUses(settings));
    const secrets = await ensureSecrets(home);
    if (this.stopping) return;
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
    terminal.out(this.json ? `${JSON.stringify(ready)}\n` : `\n${readyText(ready, terminal)}`);
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

  private async stop(): Promise<void> {
    const force = setTimeout(
      () => this.endAtOnce(`Stopping took longer than ${STOP_WITHIN_MS / 1000} s; ended at once.`),
      STOP_WITHIN_MS,
    );
    this.stopping = true;
    const failures = (await this.installation?.stop()) ?? [];
    await this.starting;
    clearTimeout(force);
    for (const failure of failures) this.say(`Did not stop in order: ${failure}`);
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
