import { componentsMoves, componentsOffload, componentsRecall, type Move } from '@purser/contracts';
import type { Command } from 'commander';
import { table } from '../output/table.js';
import { moment } from '../output/words.js';
import type { Terminal } from '../terminal.js';
import { type CommandSet, wholeNumber } from './command.js';

const STANDARD_LIMIT = 20;

/** Below `purser components`: to a VM and home again, by hand. */
export function addComponentMoves(components: Command, commands: CommandSet): void {
  commands
    .leaf<{ machineType?: string; regular?: boolean; reason?: string }>(
      components,
      'offload <name>',
      'begin to move a component to a VM; it goes on by itself, and its requests are answered all the time',
      [
        'purser components offload embedder',
        'purser components offload embedder --machine-type e2-highmem-4 --regular --reason "the nightly run"',
      ],
      async ({ api, print, terminal, options: { machineType, regular = false, reason } }, [name = '']) => {
        const { reply, json } = await api().ask(componentsOffload, { name, machineType, spot: !regular, reason });
        print(json, () => begunText(reply, terminal));
      },
    )
    .option('--machine-type <type>', 'the cheapest that it fits into, unless said')
    .option('--regular', 'not a spot VM: it is not taken away, and costs more')
    .option('--reason <text>', 'why; it is kept');

  commands
    .leaf<{ reason?: string }>(
      components,
      'recall <name>',
      'begin to bring a component home from its VM, which is deleted then',
      ['purser components recall embedder --reason "no more need"'],
      async ({ api, print, terminal, options: { reason } }, [name = '']) => {
        const { reply, json } = await api().ask(componentsRecall, { name, reason });
        print(json, () => begunText(reply, terminal));
      },
    )
    .option('--reason <text>', 'why; it is kept');

  commands
    .leaf<{ limit?: number }>(
      components,
      'moves',
      'the moves of components to VMs and home again, newest first',
      ['purser components moves', "purser components moves --json | jq '.moves[].step'"],
      async ({ api, print, terminal, options: { limit = STANDARD_LIMIT } }) => {
        const { reply, json } = await api().ask(componentsMoves, { limit });
        print(json, () => movesText(reply.moves, terminal));
      },
    )
    .option('--limit <n>', `show so many (${STANDARD_LIMIT})`, wholeNumber);
}

const begunText = ({ component, direction }: Move, terminal: Terminal): string =>
  `${component} goes ${where({ direction })}. ${terminal.typed('`purser components moves`')} shows how far it is.\n`;

const where = ({ direction }: Pick<Move, 'direction'>): string => (direction === 'to_vm' ? 'to a VM' : 'home');

/** Also one that is done may have met with something. */
const why = ({ step, reason, error }: Move): string =>
  error === null ? reason : `${reason}; ${step === 'done' ? '' : 'it stays: '}${error}`;

const movesText = (moves: readonly Move[], terminal: Terminal): string =>
  moves.length === 0
    ? 'Nothing has moved yet.\n'
    : table(
        moves,
        [
          { head: 'BEGUN', cell: ({ createdAt }) => moment(createdAt) ?? '-' },
          { head: 'COMPONENT', cell: ({ component }) => component },
          { head: 'WHERE', cell: where },
          { head: 'STEP', cell: ({ step }) => step },
          { head: 'SINCE', cell: ({ stepAt }) => moment(stepAt) ?? '-' },
          { head: 'VM', cell: ({ vm }) => vm ?? '-' },
          { head: 'WHY', cell: why },
        ],
        (head) => terminal.style('dim', head),
      );
