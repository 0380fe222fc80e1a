import { PurserError, tasksPause, tasksResume, tasksSignal, tasksSignals } from '@purser/contracts';
import type { Command } from 'commander';
import { taskText } from '../output/tasks.js';
import { signalTable } from '../output/signals.js';
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

  commands
    .leaf<{ by?: string; key?: string }>(
      task,
      'signal <id> <name> [payload]',
      'send a message to its session, kept until one runs; the payload is JSON, or text',
      [
        'purser task signal nightly-review stop-after-this-file',
        'purser task signal nightly-review focus \'{"path": "src/api"}\'',
      ],
      async ({ api, print, terminal, options }, [id = '', name = '', payload]) => {
        const { by = terminal.user, key } = options;
        const sent = { id, name, payload: read(payload), by, ...(key && { key }) };
        const { reply, json } = await api().ask(tasksSignal, sent);
        print(json, () => `signal ${reply.number} is ${reply.state}\n`);
      },
    )
    .option('--key <key>', 'the same key twice is one signal')
    .option('--by <name>', 'who (default: the user of this machine)');

  commands.leaf(
    task,
    'signals <id>',
    'the last signals to it, newest first, and how far each has come',
    ['purser task signals nightly-review'],
    async ({ api, print, terminal }, [id = '']) => {
      const { reply, json } = await api().ask(tasksSignals, { id });
      print(json, () => (reply.signals.length === 0 ? 'No signals.\n' : signalTable(reply.signals, terminal)));
    },
  );
}

/** What looks like JSON is to be JSON: a brace that is missing must not make it text. */
function read(payload: string | undefined): unknown {
  if (payload === undefined) return null;
  try {
    return JSON.parse(payload);
  } catch (cause) {
    if (!/^\s*[[{"]/.test(payload)) return payload;
    throw new PurserError('invalid_request', { message: `payload: not JSON (${(cause as Error).message})`, cause });
  }
}
