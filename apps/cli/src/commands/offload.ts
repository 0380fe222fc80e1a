import {
  offloadDecide,
  type OffloadDecision,
  offloadDecisions,
  type OffloadStatus,
  offloadStatus,
} from '@purser/contracts';
import type { Command } from 'commander';
import { fields, printable, table } from '../output/table.js';
import { count, grouped, moment, percent, usd } from '../output/words.js';
import type { Terminal } from '../terminal.js';
import { type CommandSet, wholeNumber } from './command.js';

const STANDARD_LIMIT = 10;

export function addOffloadCommands(program: Command, commands: CommandSet): void {
  const offload = program.command('offload').description('heavy components on cheap VMs: how it stands, and why');

  commands.leaf(
    offload,
    'status',
    'memory, components, VMs and what they cost, savings, and what to do',
    ['purser offload status', 'purser offload status --json | jq .costs'],
    async ({ api, print, terminal }) => {
      const { reply, json } = await api().ask(offloadStatus, {});
      print(json, () => statusText(reply, terminal));
    },
  );

  commands
    .leaf<{ limit?: number }>(
      offload,
      'why',
      'what was decided and why, newest first; also when it was to do nothing',
      ['purser offload why', 'purser offload why --limit 100'],
      async ({ api, print, terminal, options: { limit = STANDARD_LIMIT } }) => {
        const { reply, json } = await api().ask(offloadDecisions, { limit });
        print(json, () =>
          reply.decisions.length === 0
            ? 'Nothing was decided yet.\n'
            : reply.decisions.map((one) => decisionText(one, terminal)).join('\n'),
        );
      },
    )
    .option('--limit <n>', `show so many (${STANDARD_LIMIT})`, wholeNumber);

  commands.leaf(
    offload,
    'now',
    'look and decide now, by the same rules as ever',
    ['purser offload now'],
    async ({ api, print, terminal }) => {
      const { reply, json } = await api().ask(offloadDecide, {});
      print(json, () => decisionText(reply.decision, terminal));
    },
  );
}

function decisionText(decision: OffloadDecision, terminal: Pick<Terminal, 'style'>): string {
  const { at, lastAt, times, action, urgent, reason, moves, memory } = decision;
  const when = times === 1 ? (moment(at) ?? '') : `${moment(at)} to ${moment(lastAt)}, ${times} times`;
  const what = `${action === 'none' ? 'nothing' : action}${urgent ? ' at once' : ''}`;
  const free = `${grouped(memory.availableMb)} of ${grouped(memory.totalMb)} MB free, ${memory.pressure}`;
  return [
    `${when}  ${terminal.style('bold', what)}: ${printable(reason)}  (${free})\n`,
    ...moves.map((move) => `  ${printable(moveText(move))}\n`),
  ].join('');
}

function moveText({
  component,
  to,
  machineType,
  spot,
  worstCaseUsd,
  reason,
  outcome,
}: OffloadDecision['moves'][number]) {
  const machine =
    machineType === null ? '' : ` ${spot ? 'spot' : 'regular'} ${machineType}, at most ${usd(worstCaseUsd)}`;
  return `${component} to ${to === 'vm' ? `a VM (${machine.trim()})` : 'this machine'}: ${reason}. ${outcome}`;
}

function statusText(status: OffloadStatus, terminal: Terminal): string {
  const { memory, components, costs, compute, recommendations, problems, heavyComponents, lastDecision } = status;
  const trend =
    memory.trendMbPerMinute === null
      ? ''
      : `, ${memory.trendMbPerMinute > 0 ? '+' : ''}${memory.trendMbPerMinute} MB a minute`;
  const modes = [status.dryRun ? 'dry run' : undefined, status.autoMigration ? undefined : 'moves nothing by itself'];
  const head = fields([
    ['health', [status.health, ...modes.filter((one) => one !== undefined)].join(', ')],
    ['preset', status.preset],
    ['VMs from', `${compute.provider ?? 'nowhere'}: ${compute.why}`],
    [
      'memory',
      `${memory.pressure}: ${grouped(memory.availableMb)} of ${grouped(memory.totalMb)} MB free (${percent(memory.usedPercent)} used)${trend}`,
    ],
    [
      'components',
      `${components.known} known, ${components.profiled} profiled, ${components.heavy} heavy, ${components.offloadable} can be offloaded, ${components.moving} moving, ${components.onVms} on VMs`,
    ],
    ['RAM', `${grouped(status.ramToSaveMb)} MB to save, ${grouped(status.ramSavedMb)} MB saved`],
    ['VM cost now', `${usd(costs.perHourUsd)} an hour`],
    [
      'this month',
      `${count(costs.vmsCreated, 'VM')} created, ${usd(costs.totalEstimatedUsd)} in all, ${usd(costs.savingsUsd)} saved`,
    ],
    ['forecast', costs.forecastUsd === null ? null : `${usd(costs.forecastUsd)} by the month's end`],
    ...costs.alerts.map(
      ({ period, alertUsd, spentUsd, over }) =>
        [`alert, ${period}`, `${usd(spentUsd)} of ${usd(alertUsd)}${over ? ' OVER' : ''}`] as const,
    ),
  ]);
  const heavy =
    heavyComponents.length === 0
      ? ''
      : table(
          heavyComponents,
          [
            { head: 'HEAVY COMPONENT', cell: ({ name }) => name },
            { head: 'MEMORY', cell: ({ memoryMb }) => `${grouped(Math.round(memoryMb ?? 0))} MB`, right: true },
            { head: 'WEIGHT', cell: ({ weight }) => (weight === null ? '?' : weight.toFixed(1)), right: true },
            { head: 'PLACE', cell: ({ place }) => place },
          ],
          (text) => terminal.style('dim', text),
        );
  const list = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? '' : `${title}\n${lines.map((line) => `  ${terminal.typed(printable(line))}\n`).join('')}`;
  const last = lastDecision === null ? '' : `Last decision\n  ${decisionText(lastDecision, terminal)}`;
  return [head, heavy, list('Problems', problems), list('Recommendations', recommendations), last]
    .filter((part) => part !== '')
    .join('\n');
}
