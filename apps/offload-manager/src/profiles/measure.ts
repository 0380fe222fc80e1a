import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import type { ScannedModule } from '../components/module.js';
import { sealed } from './isolation.js';

export interface MeasureLimits {
  python: string;
  timeoutMs: number;
  memoryMb: number;
  /** Purser's own folder. Only where a process has no network, writes nowhere and ends with all that it started; undefined: anywhere. */
  sealedFrom: string | undefined;
}

const Measured = z.union([
  z.object({ memoryMb: z.number(), startSeconds: z.number(), cpuSeconds: z.number() }),
  z.object({ error: z.string() }),
]);
/** What the import took, or why it is not known. */
export type Measured = z.infer<typeof Measured>;

const PYTHON_IMPORT = String.raw`
import importlib, json, os, sys, time
root, name = sys.argv[1:3]
sys.path.insert(0, root)
sys.argv = [name]
def rss():
    try:
        with open('/proc/self/statm') as statm:
            return int(statm.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')
    except OSError:
        import resource
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == 'darwin' else 1024)
before, wall, cpu = rss(), time.monotonic(), time.process_time()
try:
    importlib.import_module(name)
    said = {'memoryMb': max(0, rss() - before) / 1048576, 'startSeconds': time.monotonic() - wall,
            'cpuSeconds': time.process_time() - cpu}
except BaseException as error:
    said = {'error': type(error).__name__ + ': ' + str(error)[:300]}
os.write(3, json.dumps(said).encode())
os._exit(0)
`;

const JAVASCRIPT_IMPORT = String.raw`
const { writeSync } = require('node:fs');
const [url] = process.argv.splice(1);
const rss = () => process.memoryUsage.rss();
const before = rss(), wall = performance.now(), cpu = process.cpuUsage();
const end = (said) => { writeSync(3, JSON.stringify(said)); process.reallyExit(0); };
process.on('uncaughtException', (error) => end({ error: String(error).slice(0, 300) }));
import(url).then(
  () => {
    const { user, system } = process.cpuUsage(cpu);
    end({ memoryMb: Math.max(0, rss() - before) / 1048576, startSeconds: (performance.now() - wall) / 1000,
      cpuSeconds: (user + system) / 1e6 });
  },
  (error) => end({ error: String(error).slice(0, 300) }));
`;

/** Imports a module in a process of its own, with limits on memory and time, and tells what that took. Never rejects. */
export async function measure(
  module: ScannedModule,
  entry: string,
  limits: MeasureLimits,
  signal: AbortSignal,
): Promise<Measured> {
  const folder = await mkdtemp(join(tmpdir(), 'purser-profile-'));
  try {
    return await importIn(folder, programOf(module, entry, folder, limits), limits, signal);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function programOf(
  { language, root, importName }: ScannedModule,
  entry: string,
  folder: string,
  limits: MeasureLimits,
): string[] {
  const program =
    language === 'python'
      ? [limits.python, '-I', '-B', '-c', PYTHON_IMPORT, root, importName]
      : [
          process.execPath,
          `--max-old-space-size=${limits.memoryMb}`,
          '-e',
          JAVASCRIPT_IMPORT,
          pathToFileURL(entry).href,
        ];
  if (limits.sealedFrom === undefined) return program;
  const cpuSeconds = Math.ceil(limits.timeoutMs / 1000);
  // Of data, not of addresses: a runtime reserves many more of those than it uses.
  const bounded = [
    'prlimit',
    `--data=${limits.memoryMb * 1024 ** 2}`,
    `--cpu=${cpuSeconds}`,
    '--nproc=512',
    ...program,
  ];
  // This process ends it sooner, if it lives.
  const seconds = cpuSeconds + 5;
  const needed = [folder, root, entry, process.execPath, ...(isAbsolute(limits.python) ? [limits.python] : [])];
  return sealed(bounded, { folder, home: limits.sealedFrom, seconds, needed });
}

function importIn(
  folder: string,
  [command = '', ...args]: string[],
  { timeoutMs, memoryMb }: MeasureLimits,
  signal: AbortSignal,
): Promise<Measured> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: folder,
      // None of this process's secrets, and nothing to write to but its own folder.
      env: { PATH: process.env.PATH, HOME: folder, TMPDIR: folder, LANG: 'C.UTF-8' },
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
      detached: true,
    });
    const killGroup = () => {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has just ended.
      }
    };
    let why = `its import ended without a word, perhaps over its ${memoryMb} MB`;
    const timer = setTimeout(() => {
      why = `its import took longer than ${timeoutMs / 1000} s`;
      killGroup();
    }, timeoutMs);
    signal.addEventListener('abort', killGroup, { once: true });
    let said = '';
    child.stdio[3]?.on('data', (data: Buffer) => (said += said.length < 10_000 ? data.toString() : ''));
    child.once('error', (error) => (why = error.message));
    child.once('close', () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', killGroup);
      const measured = Measured.safeParse(jsonOf(said));
      resolve(measured.success ? measured.data : { error: why });
    });
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
