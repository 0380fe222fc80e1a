import { labelsDelete, labelsList, labelsSet, type LabelStatus, PurserError } from '@purser/contracts';
import type { Command } from 'commander';
import { table } from '../output/table.js';
import type { Terminal } from '../terminal.js';
import { type CommandSet, wholeNumber } from './command.js';

interface SetOptions {
  concurrency?: number;
  perMinute?: number;
}

const NONE = 'No label has limits. Set one: `purser labels set github --concurrency 2 --per-minute 30`\n';

export function addLabelsCommands(program: Command, commands: CommandSet): void {
  const labels = program.command('labels').description('what tasks with a label may take together: see it, limit it');

  commands.leaf(
    labels,
    'list',
    'the labels that have limits, with what runs and waits',
    ['purser labels list'],
    async ({ api, print, terminal }) => {
      const { reply, json } = await api().ask(labelsList, {});
      print(json, () => (reply.labels.length === 0 ? terminal.typed(NONE) : labelsTable(reply.labels, terminal)));
    },
  );

  commands
    .leaf<SetOptions>(
      labels,
      'set <label>',
      'limit how many sessions run at once, and how many begin within any 60 seconds',
      ['purser labels set github --concurrency 2 --per-minute 30', 'purser labels set gpu --concurrency 0'],
      async ({ api, print, terminal, options: { concurrency, perMinute } }, [label = '']) => {
        const { reply, json } = await api().ask(labelsSet, { label, concurrency, perMinute });
        print(json, () => labelsTable([reply], terminal));
      },
    )
    .option('--concurrency <n>', 'sessions at once; 0 holds all of them back', wholeNumber)
    .option('--per-minute <n>', 'sessions that begin within any 60 seconds', wholeNumber);

  commands.leaf(
    labels,
    'delete <label>',
    'take the limits off a label',
    ['purser labels delete github'],
    async ({ api, print }, [label = '']) => {
      const { reply, json } = await api().ask(labelsDelete, { label });
      if (!reply.deleted) throw new PurserError('not_found', { message: `The label "${label}" has no limits.` });
      print(json, () => `Label ${label} has no limits any more.\n`);
    },
  );
}

const labelsTable = (labels: LabelStatus[], terminal: Terminal): string =>
  table(
    labels,
    [
      { head: 'LABEL', cell: ({ label }) => label },
      { head: 'AT ONCE', cell: ({ running, concurrency }) => `${running} of ${concurrency ?? 'any'}` },
      {
        head: 'PER MINUTE',
        cell: ({ startedLastMinute, perMinute }) =>
          perMinute === null ? 'any' : `${startedLastMinute} of ${perMinute}`,
      },
      { head: 'WAITING', cell: ({ waiting }) => (waiting === 1_000 ? '1000 or more' : String(waiting)) },
    ],
    (text) => terminal.style('dim', text),
  );
