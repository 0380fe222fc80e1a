import { join } from 'node:path';
import { listProcesses, type ProcessEntry } from '@purser/embedded';
import { eventually } from './eventually.js';
import { runFolder } from './test-run.js';

/** Processes below this one that still run; the shared Postgres of the run is not counted. */
export async function childrenLeft(): Promise<ProcessEntry[]> {
  const shared = join(runFolder(), 'shared-postgres');
  const all = (await listProcesses()).filter(({ command }) => command !== '' && !command.includes(shared));
  const below = (pid: number): ProcessEntry[] =>
    all.filter(({ ppid }) => ppid === pid).flatMap((child) => [child, ...below(child.pid)]);
  // ps is itself a child of ours while it looks.
  return below(process.pid).filter(({ command }) => !/^ps -ax/.test(command));
}

/** Fails with the commands of child processes that do not end within the time. For `afterAll`. */
export async function expectNoChildren(timeoutMs = 2_000): Promise<void> {
  await eventually(
    async () => {
      const left = await childrenLeft();
      if (left.length > 0) {
        throw new Error(`Child processes left:\n${left.map(({ pid, command }) => `${pid} ${command}`).join('\n')}`);
      }
    },
    { timeoutMs },
  );
}
