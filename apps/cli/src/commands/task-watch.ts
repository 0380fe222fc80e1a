import { setTimeout as delay } from 'node:timers/promises';
import { isPurserError, type LogLine, sessionsLogs, type Task, tasksGet, type TaskState } from '@purser/contracts';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { logText, taskText } from '../output/tasks.js';
import type { Invocation } from './command.js';

const ENDED: readonly TaskState[] = ['completed', 'failed', 'cancelled'];
export const hasEnded = ({ state }: Task): boolean => ENDED.includes(state);

const PAGE = 1_000;
const POLL_MS = 500;
/** How long a restart of Purser may take while a command waits on it. */
const PATIENCE_MS = 60_000;

/** Waits until the task has ended, prints it as it then is. */
export async function waitForTask({ api, print, terminal }: Invocation, id: string): Promise<ExitCode> {
  const patience = new Patience();
  for (;;) {
    const answer = await patience.withhold(() => api().ask(tasksGet, { id }));
    if (answer && ENDED.includes(answer.reply.state)) {
      print(answer.json, () => taskText(answer.reply, terminal));
      return answer.reply.state === 'completed' ? EXIT.ok : EXIT.failed;
    }
    await delay(POLL_MS);
  }
}

/** Prints the lines there are and, when asked to follow, those that come until the task has ended. */
export async function printLogs(
  { api, terminal, options }: Invocation<{ follow?: boolean; after: number }>,
  id: string,
): Promise<void> {
  const patience = new Patience();
  let after = options.after;
  const show = (line: LogLine) => terminal.out(options.json ? `${JSON.stringify(line)}\n` : logText(line, terminal));
  const drain = async (): Promise<void> => {
    for (;;) {
      const { lines, next } = await api().call(sessionsLogs, { id, after, limit: PAGE });
      for (const line of lines) show(line);
      after = Math.max(after, next);
      if (lines.length < PAGE) return;
    }
  };
  if (!options.follow) {
    // Tells an id that does not exist from a task that has not printed anything.
    await api().call(tasksGet, { id });
    await drain();
    return;
  }
  for (;;) {
    const task: Task | undefined = await patience.withhold(() => api().call(tasksGet, { id }));
    await patience.withhold(drain);
    if (task && ENDED.includes(task.state)) return;
    await delay(POLL_MS);
  }
}

/** Lets passing trouble pass: an error that may be retried is thrown only when nothing succeeds for a while. */
class Patience {
  private lastSuccess = performance.now();

  async withhold<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      const value = await work();
      this.lastSuccess = performance.now();
      return value;
    } catch (error) {
      const passing = isPurserError(error) && error.retryable && performance.now() - this.lastSuccess < PATIENCE_MS;
      if (!passing) throw error;
      return undefined;
    }
  }
}
