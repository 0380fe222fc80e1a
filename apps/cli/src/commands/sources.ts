import { type CostSourceStatus, sourcesList, sourcesRead } from '@purser/contracts';
import type { Command } from 'commander';
import { table } from '../output/table.js';
import { moment, span, usd } from '../output/words.js';
import type { Terminal } from '../terminal.js';
import type { CommandSet } from './command.js';

export function addSourcesCommands(program: Command, commands: CommandSet): void {
  const sources = program.command('sources').description("others' books: what clouds and vendors say was spent");

  commands.leaf(
    sources,
    'list',
    'each source: what it says, how old that is, what asking it costs, and what is wrong',
    ['purser sources list', 'purser sources list --json | jq \'.sources[] | select(.state != "ok")\''],
    async ({ api, print, terminal }) => {
      const { reply, json } = await api().ask(sourcesList, {});
      print(json, () => sourcesText(reply.sources, terminal));
    },
  );

  commands.leaf(
    sources,
    'read <name>',
    'ask a source now, whenever it was due; what that costs is charged as ever',
    ['purser sources read aws-costs'],
    async ({ api, print, terminal }, [name = '']) => {
      const { reply, json } = await api().ask(sourcesRead, { name });
      const look = terminal.typed('`purser sources list`');
      print(json, () => `${reply.name} is asked now; ${look} shows what comes of it.\n`);
    },
  );
}

const COLOURS: Partial<Record<CostSourceStatus['state'], 'green' | 'yellow' | 'red'>> = {
  ok: 'green',
  stale: 'yellow',
  failing: 'red',
  refused: 'red',
};

/** What its books say beside what was metered, where that is compared; else that it is added. */
const counts = ({ counts, drift }: CostSourceStatus): string => {
  if (counts !== 'reconciled') return counts ?? '-';
  if (drift === null) return 'reconciled';
  const percent = drift.percent === null ? '' : ` ${drift.percent > 0 ? '+' : ''}${drift.percent} %`;
  return `reconciled${percent}${drift.drifting ? ' DRIFT' : ''}`;
};

function sourcesText(sources: readonly CostSourceStatus[], terminal: Pick<Terminal, 'style'>): string {
  if (sources.length === 0)
    return 'No cost source is configured: what is not metered is not known. docs/guides/sources.md shows how to add one.\n';
  const listed = table(
    sources,
    [
      { head: 'SOURCE', cell: ({ name }) => name },
      { head: 'PROVIDER', cell: ({ provider }) => provider ?? '-' },
      { head: 'STATE', cell: ({ state }) => state, paint: (text, { state }) => paint(terminal, state, text) },
      // What is not known is not nothing.
      { head: 'THIS MONTH', cell: ({ monthUsd }) => usd(monthUsd), right: true },
      { head: 'DATA UP TO', cell: ({ dataUpTo }) => moment(dataUpTo) ?? 'unknown' },
      { head: 'READ', cell: ({ lastSuccessAt }) => moment(lastSuccessAt) ?? 'never' },
      { head: 'COUNTS', cell: counts },
      { head: 'ASKING COST', cell: ({ ownMonthUsd }) => usd(ownMonthUsd), right: true },
    ],
    (head) => terminal.style('dim', head),
  );
  const wrong = sources.map(problem).filter((text) => text !== undefined);
  return [listed, ...wrong.map((text) => `\n${text}\n`)].join('');
}

function problem(source: CostSourceStatus): string | undefined {
  const { name, state, error, failingSince, lastNewsAt, staleAfterSeconds } = source;
  const unknown = 'what was spent since then is not known, and not zero';
  if (state === 'stale')
    return `${name}: nothing new since ${moment(lastNewsAt) ?? 'it was configured'}, and ${span((staleAfterSeconds ?? 0) * 1_000)} is the most that is usual; ${unknown}.${error === null ? '' : ` ${error}`}`;
  if (error === null) return undefined;
  return state === 'failing' ? `${name}: since ${moment(failingSince)}: ${error}` : `${name}: ${error}`;
}

const paint = ({ style }: Pick<Terminal, 'style'>, state: CostSourceStatus['state'], text: string): string => {
  const colour = COLOURS[state];
  return colour === undefined ? text : style(colour, text);
};
