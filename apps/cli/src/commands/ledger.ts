import { ledgerCorrect, type LedgerEntry, ledgerQuery } from '@purser/contracts';
import type { Command } from 'commander';
import { table } from '../output/table.js';
import { moment, usd } from '../output/words.js';
import type { Terminal } from '../terminal.js';
import { type CommandSet, wholeNumber } from './command.js';

interface ListOptions {
  provider?: string;
  project?: string;
  key?: string;
  task?: string;
  since?: string;
  until?: string;
  limit?: number;
  presumed?: boolean;
}

export function addLedgerCommands(program: Command, commands: CommandSet): void {
  const ledger = program.command('ledger').description('every cost that was ever recorded, and corrections of it');

  commands
    .leaf<ListOptions>(
      ledger,
      'list',
      'entries, newest first',
      [
        'purser ledger list --task nightly',
        'purser ledger list --presumed',
        'purser ledger list --since 2026-11-01T00:00:00Z --json | jq .entries[].amountUsd',
      ],
      async ({ api, print, terminal, options }) => {
        const { presumed, json: _, ...filter } = options;
        const request = { ...filter, ...(presumed ? { finality: 'presumed' as const } : {}) };
        const { reply, json } = await api().ask(ledgerQuery, request);
        print(json, () => (reply.entries.length === 0 ? 'No entry.\n' : entryTable(reply.entries, terminal)));
      },
    )
    .option('--provider <name>', 'only of this provider')
    .option('--project <name>', 'only of this project')
    .option('--key <id>', 'only with this gateway key')
    .option('--task <id>', 'only of this task')
    .option('--since <time>', 'used at or after this time, such as 2026-11-01T00:00:00Z')
    .option('--until <time>', 'used before this time')
    .option('--presumed', 'only amounts that nobody knows, taken at the worst')
    .option('--limit <count>', 'at most so many, up to 1000 (100)', wholeNumber);

  commands
    .leaf<{ actual: string; by?: string; reason: string }>(
      ledger,
      'correct <attempt>',
      'say what an attempt really cost; the difference becomes an entry, and budgets follow it',
      [
        'purser ledger correct attempt-5f0c --actual 0 --reason "the provider never billed it"',
        'purser ledger correct attempt-5f0c --actual 0.42 --by ada --reason "as on the invoice"',
      ],
      async ({ api, print, terminal, options }, [attemptId = '']) => {
        const request = {
          attemptId,
          actualUsd: options.actual,
          by: options.by ?? terminal.user,
          reason: options.reason,
        };
        const { reply, json } = await api().ask(ledgerCorrect, request);
        const { beforeUsd, actualUsd, correction } = reply;
        print(json, () =>
          correction === null
            ? `${attemptId} counts as ${usd(actualUsd)} already: nothing was changed.\n`
            : `${attemptId} counts as ${usd(actualUsd)} now; it was ${usd(beforeUsd)}.\n`,
        );
      },
    )
    .requiredOption('--actual <usd>', 'what it cost, such as 0.42')
    .requiredOption('--reason <text>', 'how you know; it is kept')
    .option('--by <name>', 'who (default: the user of this machine)');
}

const entryTable = (entries: readonly LedgerEntry[], terminal: Pick<Terminal, 'style'>): string =>
  table(
    entries,
    [
      { head: 'USED', cell: ({ usageAt }) => moment(usageAt) ?? '-' },
      { head: 'AMOUNT', cell: ({ amountUsd }) => usd(amountUsd), right: true },
      { head: 'PROVIDER', cell: ({ provider }) => provider },
      { head: 'MODEL', cell: ({ model }) => model || '-' },
      { head: 'TASK', cell: ({ task }) => task ?? '-' },
      { head: 'KIND', cell: ({ source, finality }) => (source === 'metered' ? finality : source) },
      { head: 'ATTEMPT', cell: ({ attemptId, corrects }) => corrects ?? attemptId },
      { head: 'WHY', cell: ({ by, reason }) => (by === null ? '' : `${by}: ${reason}`) },
    ],
    (head) => terminal.style('dim', head),
  );
