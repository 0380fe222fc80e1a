import type { Command } from 'commander';
import { followEvents, type Happening } from '../api/events.js';
import { eventText } from '../output/events.js';
import { type CommandSet, type Invocation, wholeNumber } from './command.js';

interface Options {
  subjects?: string;
  task?: string;
  after?: number;
}

export function addEventsCommand(program: Command, commands: CommandSet): void {
  commands
    .leaf<Options>(
      program,
      'events',
      'what happens, as it happens, until Ctrl-C',
      [
        'purser events',
        'purser events --subjects "task.failed.>,alert.>"',
        'purser events --task nightly --after 0',
        'purser events --json | jq -c "select(.subject | startswith(\\"budget.\\"))"',
      ],
      async (invocation) => {
        const { api, options } = invocation;
        const { subjects, task, after } = options;
        const never = new AbortController().signal;
        for await (const happening of followEvents(api(), { subjects, task, after }, never))
          show(happening, invocation);
      },
    )
    .option('--subjects <patterns>', 'only these, separated by commas: task.>, task.failed.*, alert.critical.>')
    .option('--task <id>', 'only those of one task')
    .option('--after <place>', 'from this place on, as --json shows it; 0 is all that is kept (a week)', wholeNumber);
}

/** One line. With `--json` the event, and its place in the order of all. */
export function show(happening: Happening, { options, terminal }: Invocation): void {
  if (happening.kind === 'gap') terminal.err(`Some events were missed: ${happening.reason}.\n`);
  if (happening.kind !== 'event') return;
  const { event, place } = happening;
  terminal.out(options.json ? `${JSON.stringify({ place, ...event })}\n` : eventText(event, terminal));
}
