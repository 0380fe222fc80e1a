import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { nameHere, socketOf } from './gates.ts';

/** The file beside this one: main.js in dist, and main.ts in a spec, which Node runs as it is. */
const MAIN = join(import.meta.dirname, `main${extname(import.meta.filename)}`);
const START_MS = 15_000;

export interface OwnGateSettings {
  /** Of the gates' sockets; made when it is not there, open to nobody else. */
  folder: string;
  /** The others of the gate's settings. */
  environment: Readonly<Record<string, string>>;
}

/**
 * A gate for a process that may speak to Docker itself. It is a process of its own, since it has to remove the containers
 * when the one that started it is killed: it ends when its standard input does.
 */
export class OwnGate {
  readonly socketPath: string;
  private readonly child: ChildProcess;

  static async start(settings: OwnGateSettings, say: (line: string) => void): Promise<OwnGate> {
    await mkdir(settings.folder, { recursive: true, mode: 0o700 });
    const name = nameHere(randomUUID().slice(0, 8));
    const child = spawn(process.execPath, [MAIN], {
      // Its own group, so that a signal to the starter's group passes it by.
      detached: true,
      cwd: '/',
      env: {
        PATH: process.env.PATH,
        ...settings.environment,
        PURSER_GATE_FOLDER: settings.folder,
        PURSER_GATE_NAME: name,
        PURSER_GATE_ENDS_WITH_STDIN: 'true',
      },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const gate = new OwnGate(child, socketOf(settings.folder, name));
    try {
      await gate.started(say);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
    return gate;
  }

  private constructor(child: ChildProcess, socketPath: string) {
    this.child = child;
    this.socketPath = socketPath;
    child.stdin?.on('error', () => undefined);
  }

  get alive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Whether it can be reached: its socket may have been removed by somebody else. */
  get reachable(): boolean {
    return this.alive && existsSync(this.socketPath);
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Its containers are removed first. */
  async close(): Promise<void> {
    if (!this.alive) return;
    const ended = once(this.child, 'exit');
    this.child.stdin?.end();
    await ended;
  }

  private async started(say: (line: string) => void): Promise<void> {
    let wrong = '';
    this.child.stderr?.on('data', (chunk: Buffer) => (wrong = (wrong + chunk.toString()).slice(-2_000)));
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`the gate did not start within ${START_MS} ms`)), START_MS);
      const settle = (error?: Error): void => {
        clearTimeout(late);
        if (error) reject(error);
        else resolve();
      };
      createInterface({ input: this.child.stdout! }).on('line', (line) => {
        const said = messageOf(line);
        say(said);
        if (said.startsWith('started')) settle();
      });
      this.child.once('error', settle);
      this.child.once('exit', (code, signal) =>
        settle(new Error(`the gate ended with ${code ?? signal}: ${wrong.trim()}`)),
      );
    });
  }
}

function messageOf(line: string): string {
  try {
    return String((JSON.parse(line) as { msg?: unknown }).msg);
  } catch {
    return line;
  }
}
