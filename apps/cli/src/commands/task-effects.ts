import { type Effect, sessionsEffects } from '@purser/contracts';
import type { Command } from 'commander';
import { table } from '../output/table.js';
import { moment } from '../output/words.js';
import { type CommandSet, wholeNumber } from './command.js';

const RESULT_SHOWN = 80;

function resultText({ state, result }: Effect): string {
  if (state === 'open') return '';
  const text = JSON.stringify(result ?? null);
  return text.length > RESULT_SHOWN ? `${text.slice(0, RESULT_SHOWN - 1)}…` : text;
}

export function addTaskEffects(task: Command, commands: CommandSet): void {
  commands
    .leaf<{ limit: number; after: number }>(
      task,
      'effects <id>',
      'what its sessions did outside and journalled, oldest first; "open" is under way, or of unknown outcome',
      ['purser task effects nightly-review', "purser task effects nightly-review --json | jq '.effects[].key'"],
      async ({ api, print, terminal, options: { limit, after } }, [id = '']) => {
        const { reply, json } = await api().ask(sessionsEffects, { id, limit, after });
        const { effects, next } = reply;
        const more = effects.length < limit ? '' : terminal.typed(`More: purser task effects ${id} --after ${next}\n`);
        const columns = [
          { head: 'EFFECT', cell: ({ key }: Effect) => key },
          { head: 'STATE', cell: ({ state }: Effect) => state },
          { head: 'EPOCH', cell: ({ epoch }: Effect) => String(epoch), right: true },
          { head: 'BEGUN', cell: ({ begunAt }: Effect) => moment(begunAt) ?? '' },
          { head: 'RESULT', cell: resultText },
        ];
        print(json, () =>
          effects.length === 0
            ? 'No effects.\n'
            : table(effects, columns, (head) => terminal.style('dim', head)) + more,
        );
      },
    )
    .option('--limit <n>', 'how many', wholeNumber, 100)
    .option('--after <number>', 'go on from where the last list ended', wholeNumber, 0);
}
