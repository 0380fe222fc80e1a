import { tasksPause, tasksResume } from '@purser/contracts';
import type { Command } from 'commander';
import { taskText } from '../output/tasks.js';
import type { CommandSet } from './command.js';

/** What a person may do with a task besides submitting and cancelling it. */
export function addTaskControlCommands(task: Command, commands: CommandSet): void {
  commands
    .leaf<{ by?: string; reason?: string }>(
      task,
      'pause <id>',
      'hold it until it is resumed; a running session is wrapped up first',
      ['purser task pause nightly-review --reason "the repository is frozen"'],
      async ({ api, print, terminal, options }, [id = '']) => {
        const { by = terminal.user, reason } = options;
        const { reply, json } = await api().ask(tasksPause, { id, by, ...(reason && { reason }) });
        print(json, () =>
          reply.state === 'paused' ? `${id} is paused\n` : `${id} is asked to stop\n${taskText(reply, terminal)}`,
        );
      },
    )
    .option('--reason <text>', 'why; it is shown as what the task waits for')
    .option('--by <name>', 'who (default: the user of this machine)');

  commands
    .leaf<{ by?: string }>(
      task,
      'resume <id>',
      'end a pause: it goes on from its checkpoint',
      ['purser task resume nightly-review'],
      async ({ api, print, terminal, options }, [id = '']) => {
        const { reply, json } = await api().ask(tasksResume, { id, by: options.by ?? terminal.user });
        print(json, () => `${id} is ${reply.state}${reply.waiting === null ? '' : ` (${reply.waiting})`}\n`);
      },
    )
    .option('--by <name>', 'who (default: the user of this machine)');
}
