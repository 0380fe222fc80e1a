import { type Figure, type FigureName, figuresGet } from '@purser/contracts';
import type { Command } from 'commander';
import { EXIT } from '../exit-codes.js';
import { table } from '../output/table.js';
import { moment } from '../output/words.js';
import type { Terminal } from '../terminal.js';
import type { CommandSet } from './command.js';

export function addFiguresCommand(program: Command, commands: CommandSet): void {
  commands
    .leaf<{ since?: string; until?: string; fail?: boolean }>(
      program,
      'figures',
      'how well the agents’ time is used: the five success figures',
      [
        'purser figures',
        'purser figures --since 2026-11-01T00:00:00Z',
        'purser figures --fail || echo "look at what was lost"',
      ],
      async ({ api, print, terminal, options: { since, until, fail } }) => {
        const request = { ...(since && { since }), ...(until && { until }) };
        const { reply, json } = await api().ask(figuresGet, request);
        const period = `From ${moment(reply.since)} to ${moment(reply.until)}:\n`;
        print(json, () => period + figuresTable(reply.figures, terminal));
        return fail && reply.figures.some(({ met }) => met === false) ? EXIT.failed : EXIT.ok;
      },
    )
    .option('--since <time>', 'such as 2026-11-01T00:00:00Z (a day ago)')
    .option('--until <time>', 'now when absent')
    .option('--fail', 'exit with 1 when one is not as it should be');
}

/** The figure of which less is better. */
const AT_MOST: readonly FigureName[] = ['resume_overhead'];

const targetText = ({ name, target }: Figure): string =>
  target === 1 ? '1' : `${AT_MOST.includes(name) ? '<' : '>'} ${target}`;

const figuresTable = (figures: readonly Figure[], terminal: Pick<Terminal, 'style'>): string =>
  table(
    figures,
    [
      { head: 'FIGURE', cell: ({ name }) => name.replaceAll('_', ' ') },
      {
        head: 'VALUE',
        cell: ({ value }) => (value === null ? '-' : value.toFixed(3)),
        right: true,
        paint: (text, { met }) => (met === null ? text : terminal.style(met ? 'green' : 'red', text)),
      },
      { head: 'TARGET', cell: targetText, right: true },
      { head: 'COUNTED', cell: ({ counted }) => counted },
    ],
    (head) => terminal.style('dim', head),
  );
