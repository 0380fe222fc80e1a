// Plain JavaScript: jest loads its global set-up and tear-down outside the module mapping that finds our sources.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const MEMORY_DISK = '/dev/shm';
const ROOMY_BYTES = 1024 ** 3;

/** A disk in memory where it is large enough: the stores of test servers are small, written often and thrown away. */
function fastestDisk() {
  if (!existsSync(MEMORY_DISK)) return tmpdir();
  const { bavail, bsize } = statfsSync(MEMORY_DISK);
  return bavail * bsize >= ROOMY_BYTES ? MEMORY_DISK : tmpdir();
}

function allRuns() {
  const folder = join(fastestDisk(), `purser-tests-${process.getuid?.() ?? 0}`);
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  return folder;
}

export function newRun() {
  const folder = mkdtempSync(join(allRuns(), `${process.pid}-`));
  chmodSync(folder, 0o755); // As root, Postgres runs as another user and must get through.
  return folder;
}

/** Folders of runs whose jest is gone: it was killed before its tear-down. */
export function abandonedRuns() {
  const alive = (pid) => {
    try {
      process.kill(pid, 0);
      return true;
    } catch (error) {
      return error.code === 'EPERM';
    }
  };
  const folder = allRuns();
  return readdirSync(folder)
    .filter((name) => !alive(Number.parseInt(name, 10)))
    .map((name) => join(folder, name));
}

/** @returns {{pid: number, command: string}[]} */
function processesNaming(folder) {
  const all =
    process.platform === 'linux'
      ? readdirSync('/proc')
          .filter((name) => /^\d+$/.test(name))
          .map((pid) => {
            try {
              return { pid: Number(pid), command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') };
            } catch {
              return { pid: Number(pid), command: '' };
            }
          })
      : execFileSync('ps', ['-ax', '-ww', '-o', 'pid=,command='], { encoding: 'utf8' })
          .split('\n')
          .map((line) => ({ pid: Number.parseInt(line, 10), command: line.trim().replace(/^\d+\s+/, '') }));
  return all.filter(({ pid, command }) => pid !== process.pid && command.includes(`${folder}/`));
}

async function endAll(folder, signal, waitMs) {
  for (const { pid } of processesNaming(folder)) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  }
  for (const deadline = Date.now() + waitMs; Date.now() < deadline; await delay(20)) {
    if (processesNaming(folder).length === 0) return;
  }
}

/** Ends what still runs on a run's folder and removes it. @returns the commands of what a spec should have ended */
export async function endRun(folder) {
  const left = processesNaming(folder).filter(({ command }) => !command.includes(`${folder}/shared-postgres/`));
  // SIGQUIT makes Postgres free its shared memory, and stop without writing anything that will be read.
  await endAll(folder, 'SIGQUIT', 5_000);
  await endAll(folder, 'SIGKILL', 5_000);
  const answer = join(folder, 'shared-postgres', 'answer.json');
  if (existsSync(answer)) {
    const { dataDir } = JSON.parse(readFileSync(answer, 'utf8'));
    if (dataDir) rmSync(dataDir, { recursive: true, force: true });
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  return left.map(({ pid, command }) => `${pid} ${command}`);
}
