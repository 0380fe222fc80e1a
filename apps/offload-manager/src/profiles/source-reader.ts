import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { extname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import type { ScannedModule } from '../components/module.js';
import { PYTHON_READER } from './python-reader.js';
import { MAX_SOURCE_BYTES, SourceFacts } from './source-facts.js';

type Language = ScannedModule['language'];

/** The file beside this one: .js in dist, and .ts in a spec, which Node runs as it is. */
const JAVASCRIPT_READER = join(import.meta.dirname, `javascript-reader${extname(import.meta.filename)}`);
/** For one file; whatever takes longer is not source. */
const FILE_MS = 20_000;

const unread = (file: string, error: string): SourceFacts => ({
  file,
  imports: [],
  classes: 0,
  bytes: 0,
  executable: null,
  error,
});

/** Reads sources in processes of their own: a file that makes the parser fail or hang costs itself alone. */
export class SourceReader {
  constructor(private readonly python: string) {}

  /** What is said of each file. Never rejects; what could not be read says why. */
  async read(language: Language, files: readonly string[], signal: AbortSignal): Promise<Map<string, SourceFacts>> {
    const facts = new Map<string, SourceFacts>();
    const left = () => files.filter((file) => !facts.has(file));
    for (let todo = left(); todo.length > 0; todo = left()) {
      const ended = await this.readUntilItEnds(language, todo, facts, signal);
      const [first] = left();
      if (signal.aborted || ended === 'missing') {
        const why = signal.aborted ? 'it was not read: Purser is stopping' : `${this.python} is not there to read it`;
        for (const file of left()) facts.set(file, unread(file, why));
      } else if (first !== undefined) facts.set(first, unread(first, `the parser ${ended} over it`));
    }
    return facts;
  }

  private start(language: Language): ChildProcessWithoutNullStreams {
    // None of this process's secrets. -I: nothing from the current folder or the user's own packages is loaded.
    const options = { env: { PATH: process.env.PATH }, cwd: '/' };
    return language === 'python'
      ? spawn(this.python, ['-I', '-S', '-c', PYTHON_READER], options)
      : spawn(process.execPath, ['--max-old-space-size=1024', JAVASCRIPT_READER, String(MAX_SOURCE_BYTES)], options);
  }

  /** Fills `facts` as answers come. */
  private async readUntilItEnds(
    language: Language,
    files: readonly string[],
    facts: Map<string, SourceFacts>,
    signal: AbortSignal,
  ): Promise<'failed' | 'hung' | 'missing'> {
    const child = this.start(language);
    let ending: 'failed' | 'hung' | 'missing' = 'failed';
    child.on('error', (error: NodeJS.ErrnoException) => (ending = error.code === 'ENOENT' ? 'missing' : 'failed'));
    child.stdin.on('error', () => undefined);
    child.stderr.resume();
    const kill = () => void child.kill('SIGKILL');
    signal.addEventListener('abort', kill, { once: true });
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    const watch = new AbortController();
    let heardAt = performance.now();
    const hanging = this.killWhenSilent(() => heardAt, watch.signal).then((hung) => {
      if (!hung) return;
      ending = 'hung';
      kill();
    });
    child.stdin.end(files.map((file) => `${JSON.stringify(file)}\n`).join(''));
    for await (const line of createInterface({ input: child.stdout })) {
      heardAt = performance.now();
      const said = SourceFacts.safeParse(jsonOf(line));
      if (said.success) facts.set(said.data.file, said.data);
    }
    await closed;
    watch.abort();
    await hanging;
    signal.removeEventListener('abort', kill);
    return ending;
  }

  private async killWhenSilent(heardAt: () => number, signal: AbortSignal): Promise<boolean> {
    for (;;) {
      const left = heardAt() + FILE_MS - performance.now();
      if (left <= 0) return true;
      try {
        await delay(left, undefined, { signal });
      } catch {
        return false;
      }
    }
  }
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
