import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { RUN_FILES } from '@purser/contracts';
import { OutputPipes } from '@purser/guard';
import { type StartOrder, VM_WORKSPACE } from '@purser/program-session';

const LOOK_MS = 200;

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** The program of a session, which another container runs by the script that both know (PROGRAM_SCRIPT). */
export class VmProgram {
  private written = 0;

  private constructor(
    private readonly folder: string,
    private readonly pipes: OutputPipes,
  ) {}

  static async prepare(folder: string): Promise<VmProgram> {
    const run = join(folder, 'run');
    // Whole before its name is there: whoever waits for it prints into the pipes.
    const made = join(folder, 'run.new');
    await mkdir(made, { mode: 0o700 });
    const pipes = await OutputPipes.open(made);
    await rename(made, run);
    return new VmProgram(folder, pipes);
  }

  get stdout() {
    return this.pipes.stdout;
  }

  get stderr() {
    return this.pipes.stderr;
  }

  /** Whether what starts the program is there. */
  async isUp(): Promise<boolean> {
    return (await this.readRun(RUN_FILES.up)) !== '';
  }

  /** `env`: all that it gets. */
  async start({ argv, cwd }: StartOrder, env: Readonly<Record<string, string>>): Promise<void> {
    const words = argv.map(quoted).join(' ');
    const lines = [
      ...Object.entries(env).map(([name, value]) => `export ${name}=${quoted(value)}`),
      `cd ${quoted(posix.resolve(join(this.folder, VM_WORKSPACE), cwd))} || exit 127`,
      // The shell's own number stays the program's.
      `echo $$ > ${quoted(this.runFile(RUN_FILES.pid))}`,
      // A group of its own, where the image can make one, so that signals reach all of it.
      `if command -v setsid >/dev/null 2>&1; then exec setsid ${words}; fi`,
      `exec ${words}`,
      '',
    ];
    await this.put(RUN_FILES.start, lines.join('\n'));
  }

  async signal(name: 'TERM' | 'KILL'): Promise<void> {
    await this.put(RUN_FILES.signal, `${name}\n`);
  }

  /** Its exit code, as a shell has it. */
  async ended(signal: AbortSignal): Promise<number> {
    for (;;) {
      const code = (await this.readRun(RUN_FILES.end)).trim();
      if (code !== '') return Number(code);
      await pause(LOOK_MS, undefined, { signal });
    }
  }

  /** Once it has ended: what it printed can be read to its end then. */
  release(): Promise<void> {
    return this.pipes.release();
  }

  private runFile(name: string): string {
    return join(this.folder, 'run', name);
  }

  private readRun(name: string): Promise<string> {
    return readFile(this.runFile(name), 'utf8').catch(() => '');
  }

  private async put(name: string, text: string): Promise<void> {
    // Of two signals at once each has a file of its own until it has the name.
    this.written += 1;
    const half = this.runFile(`${name}.${this.written}`);
    await writeFile(half, text, { mode: 0o600 });
    await rename(half, this.runFile(name));
  }
}
