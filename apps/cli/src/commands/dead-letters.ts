import { deadLettersGet, deadLettersList, PurserError, tasksRetry } from '@purser/contracts';
import type { Command } from 'commander';
import { deadLetterTable, deadLetterText } from '../output/dead-letters.js';
import { type CommandSet, wholeNumber } from './command.js';

interface RetryOptions {
  fromCheckpoint?: boolean;
  fresh?: boolean;
  id?: string;
  budget?: string;
  maxSessions?: number;
  retries?: number;
  by?: string;
}

/** What failed for good, and another try at it. */
export function addDeadLetterCommands(task: Command, commands: CommandSet): void {
  commands
    .leaf<{ code?: string; limit: number; after?: string }>(
      task,
      'dead [id]',
      'tasks that failed for good and were not retried; with an id, why that one did',
      ['purser task dead', 'purser task dead --code poison', 'purser task dead nightly-review'],
      async ({ api, print, terminal, options: { code, limit, after } }, [id]) => {
        if (id !== undefined) {
          const { reply, json } = await api().ask(deadLettersGet, { id });
          print(json, () => deadLetterText(reply, terminal));
          return;
        }
        const request = { limit, ...(code && { code }), ...(after && { after }) };
        const { reply, json } = await api().ask(deadLettersList, request);
        const more = reply.next === null ? '' : terminal.typed(`More: purser task dead --after ${reply.next}\n`);
        print(json, () =>
          reply.deadLetters.length === 0 ? 'None.\n' : deadLetterTable(reply.deadLetters, new Date(), terminal) + more,
        );
      },
    )
    .option('--code <code>', 'only with this error, such as poison, no_progress or exit_1')
    .option('--limit <n>', 'how many', wholeNumber, 50)
    .option('--after <place>', 'go on from where the last list ended');

  commands
    .leaf<RetryOptions>(
      task,
      'retry <id>',
      'make a new task of one that failed or was cancelled, which goes on from its checkpoint',
      [
        'purser task retry nightly-review',
        'purser task retry nightly-review --fresh',
        'purser task retry nightly-review --budget 5 --max-sessions 200',
      ],
      async ({ api, print, terminal, options }, [id = '']) => {
        const { fresh, fromCheckpoint, id: newId, budget, maxSessions, retries, by = terminal.user } = options;
        if (fresh && fromCheckpoint) {
          throw new PurserError('invalid_request', { message: 'Give either --fresh or --from-checkpoint, not both.' });
        }
        const { reply, json } = await api().ask(tasksRetry, {
          id,
          from: fresh ? 'fresh' : 'checkpoint',
          by,
          ...(newId && { newId }),
          ...(budget && { budgetUsd: budget }),
          ...(maxSessions !== undefined && { maxSessions }),
          ...(retries !== undefined && { retries }),
        });
        print(json, () =>
          terminal.typed(`Task ${reply.id} is ${reply.state}. Follow it: purser task watch ${reply.id}\n`),
        );
      },
    )
    .option('--from-checkpoint', 'go on from its last checkpoint (this is what happens anyway)')
    .option('--fresh', 'begin again: no checkpoint, handoff or workspace of it')
    .option('--id <id>', 'of the new task (default: the old one with -r1, then -r2)')
    .option('--budget <usd>', 'instead of the same budget again')
    .option('--max-sessions <n>', 'instead of as many again', wholeNumber)
    .option('--retries <n>', 'instead of as many again', wholeNumber)
    .option('--by <name>', 'who (default: the user of this machine)');
}
