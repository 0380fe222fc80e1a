import { type Task, tasksGet, tasksList } from '@purser/contracts';
import type { Command } from 'commander';
import { followEvents } from '../api/events.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { taskTable, taskText } from '../output/tasks.js';
import type { CommandSet, Invocation } from './command.js';
import { show } from './events.js';
import { hasEnded } from './task-watch.js';

/** Puts what follows in the place of what is there, on a terminal. */
const OVER_THE_LAST = '\u001b[H\u001b[J';
const SHOWN_TASKS = 30;
/** A table is drawn at most so often, however much happens. */
const AT_MOST_EVERY_MS = 500;
/** Ages and spend change without an event. */
const AT_LEAST_EVERY_MS = 5_000;

export function addTaskFollowCommand(task: Command, commands: CommandSet): void {
  commands.leaf<object>(
    task,
    'watch [id]',
    'follow one task to its end (exit code 1 unless it is completed), or all tasks until Ctrl-C',
    [
      'purser task watch',
      'purser task watch nightly-review',
      'purser task watch nightly-review --json | jq -c .subject',
    ],
    async (invocation, [id]) => {
      if (id !== undefined) return followTask(invocation, id);
      return invocation.terminal.screen && !invocation.options.json ? drawTable(invocation) : followAll(invocation);
    },
  );
}

/** First the events, then the task as it is: nothing can happen in between unseen. */
async function followTask(invocation: Invocation, id: string): Promise<ExitCode> {
  const { api, terminal, options } = invocation;
  const over = new AbortController();
  // Tells an id that does not exist before it waits for its events.
  await api().call(tasksGet, { id });
  const settled = async (): Promise<Task | undefined> => {
    const task = await api().call(tasksGet, { id });
    return hasEnded(task) ? task : undefined;
  };
  try {
    for await (const happening of followEvents(api(), { task: id }, over.signal)) {
      show(happening, invocation);
      const mayHaveEnded =
        happening.kind !== 'event' || /^task\.(completed|failed|cancelled)\./.test(happening.event.subject ?? '');
      const ended = mayHaveEnded ? await settled() : undefined;
      if (!ended) continue;
      terminal.out(options.json ? `${JSON.stringify({ task: ended })}\n` : taskText(ended, terminal));
      return ended.state === 'completed' ? EXIT.ok : EXIT.failed;
    }
    return EXIT.failed;
  } finally {
    over.abort();
  }
}

async function followAll(invocation: Invocation): Promise<void> {
  const never = new AbortController().signal;
  for await (const happening of followEvents(invocation.api(), { subjects: 'task.>' }, never))
    show(happening, invocation);
}

async function drawTable({ api, terminal }: Invocation): Promise<void> {
  let drawnAt = -Infinity;
  let later: NodeJS.Timeout | undefined;
  const over = new AbortController();
  const draw = async () => {
    drawnAt = performance.now();
    later = setTimeout(() => void redraw(), AT_LEAST_EVERY_MS);
    const { tasks } = await api().call(tasksList, { limit: SHOWN_TASKS });
    const text = tasks.length === 0 ? 'No tasks.\n' : taskTable(tasks, new Date(), terminal);
    terminal.out(`${OVER_THE_LAST}${text}`);
  };
  const redraw = async () => {
    clearTimeout(later);
    try {
      await draw();
    } catch {
      // Whether that passes is told by the events: they wait for a Purser that restarts, for a while.
    }
  };
  const soon = () => {
    clearTimeout(later);
    later = setTimeout(() => void redraw(), Math.max(0, drawnAt + AT_MOST_EVERY_MS - performance.now()));
  };
  try {
    await draw();
    for await (const happening of followEvents(api(), { subjects: 'task.>' }, over.signal)) {
      if (happening.kind !== 'gap') soon();
    }
  } finally {
    over.abort();
    clearTimeout(later);
  }
}
