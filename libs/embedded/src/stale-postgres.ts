import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { EmbeddedError } from './embedded-error.js';
import { placePostgres, possiblePlaces } from './postgres-place.js';
import { endProcess, findProcess, listProcesses, type EndStep, type ProcessEntry } from './process-table.js';

const run = promisify(execFile);

const END: readonly EndStep[] = [
  { signal: 'SIGINT', waitMs: 5_000 },
  { signal: 'SIGQUIT', waitMs: 5_000 },
  { signal: 'SIGKILL', waitMs: 5_000 },
];

/** How long backends may take to notice that their postmaster was killed. */
const BACKENDS_WAIT_MS = 10_000;

/** The arguments a postmaster of ours begins with. Its children show other titles, and end with it. */
export function postmasterArguments(dataDir: string): string[] {
  return ['-D', dataDir, '-c'];
}

function isPostmasterOf(dataDir: string): (entry: ProcessEntry) => boolean {
  const begin = `/postgres ${postmasterArguments(dataDir).join(' ')} `;
  return ({ command }) => command.includes(begin);
}

interface PidFile {
  pid: number;
  sharedMemoryId: string | undefined;
}

/** postmaster.pid: line 1 is the pid, line 7 the key and id of the shared memory segment. */
async function readPidFile(dataDir: string): Promise<PidFile | undefined> {
  const text = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const lines = text.split('\n');
  return { pid: Number(lines[0]), sharedMemoryId: lines[6]?.trim().split(/\s+/)[1] };
}

/** How many processes still use a System V segment; it is how Postgres itself tells that backends are left. */
async function attached(segment: string): Promise<number> {
  if (process.platform === 'linux') {
    const table = await readFile('/proc/sysvipc/shm', 'utf8').catch(() => '');
    const rows = table.split('\n').map((row) => row.trim().split(/\s+/));
    const [head = []] = rows;
    const row = rows.find((cells) => cells[head.indexOf('shmid')] === segment);
    return Number(row?.[head.indexOf('nattch')] ?? 0);
  }
  const { stdout } = await run('ipcs', ['-mo'], { timeout: 5_000 });
  const row = stdout.split('\n').find((line) => new RegExp(`^m\\s+${segment}\\s`).test(line));
  return Number(row?.trim().split(/\s+/).at(-1) ?? 0);
}

async function waitForBackends(dataDir: string, segment: string): Promise<void> {
  for (const deadline = Date.now() + BACKENDS_WAIT_MS; (await attached(segment)) > 0; await delay(50)) {
    if (Date.now() > deadline) {
      throw new EmbeddedError(
        'still_running',
        `Processes of an earlier Postgres still work on ${dataDir}.`,
        'End them by hand (`ps ax | grep postgres:` shows them), then start again.',
      );
    }
  }
}

/** The pid of a Postgres that runs on this data; it is left by a killed Purser when nobody has the data folder's lock. */
export async function findStalePostgres(
  dataDir: string,
  options: { reachableFolders?: readonly string[] } = {},
): Promise<number | undefined> {
  const isOne = possiblePlaces(dataDir, options.reachableFolders).map(isPostmasterOf);
  return (await listProcesses()).find((entry) => isOne.some((isIt) => isIt(entry)))?.pid;
}

/**
 * Ends a Postgres that a killed Purser left running on this data, waits until its last backend is gone, and removes a
 * postmaster.pid whose pid now belongs to another program (Postgres would take that for itself and refuse to start).
 * The caller must hold the lock of the data folder: a server in use is ended all the same.
 * @param dataDir as given to `startPostgres`
 * @returns the pid of the postmaster that was ended
 */
export async function clearStalePostgres(
  dataDir: string,
  options: { reachableFolders?: readonly string[] } = {},
): Promise<{ ended: number | undefined }> {
  const place = await placePostgres(dataDir, options.reachableFolders);
  const isIt = isPostmasterOf(place.dataDir);
  const before = await readPidFile(place.dataDir);
  let ended: number | undefined;
  for (const { pid } of (await listProcesses()).filter(isIt)) {
    if (!(await endProcess(pid, isIt, END))) {
      throw new EmbeddedError(
        'still_running',
        `A Postgres of an earlier run (pid ${pid}) does not end.`,
        `End it by hand: kill -9 ${pid}`,
      );
    }
    ended = pid;
  }
  if (before?.sharedMemoryId !== undefined) await waitForBackends(place.dataDir, before.sharedMemoryId);
  const left = await readPidFile(place.dataDir);
  if (left !== undefined && (await findProcess(left.pid)) !== undefined) {
    await rm(join(place.dataDir, 'postmaster.pid'), { force: true });
  }
  return { ended };
}
