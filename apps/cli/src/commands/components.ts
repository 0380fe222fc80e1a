import { setTimeout as delay } from 'node:timers/promises';
import {
  componentsDiscover,
  componentsGet,
  componentsList,
  componentsProfile,
  type ComponentStatus,
  PurserError,
  type ReplyOf,
} from '@purser/contracts';
import type { Command } from 'commander';
import { fields, printable, table } from '../output/table.js';
import { count, grouped, moment } from '../output/words.js';
import type { Terminal } from '../terminal.js';
import type { ControlApi } from '../api/control-api.js';
import { type CommandSet, wholeNumber } from './command.js';
import { addComponentMoves } from './component-moves.js';

type Component = ReplyOf<typeof componentsGet>;

const PROFILE_MS = 120_000;
const LOOK_MS = 500;
const STANDARD_LIMIT = 40;

export function addComponentsCommands(program: Command, commands: CommandSet): void {
  const components = program
    .command('components')
    .description('workloads that can run here or on a VM: what they need, and where they are');

  commands
    .leaf<{ limit?: number; all?: boolean }>(
      components,
      'list',
      'the components that were found, the heaviest first',
      ['purser components list', 'purser components list --all', 'purser components list --json | jq .components[0]'],
      async ({ api, print, terminal, options: { limit = STANDARD_LIMIT, all } }) => {
        const { reply, json } = await api().ask(componentsList, {});
        print(json, () => listText(reply, all ? reply.components.length : limit, terminal));
      },
    )
    .option('--limit <n>', `show so many (${STANDARD_LIMIT})`, wholeNumber)
    .option('--all', 'show all of them');

  commands.leaf(
    components,
    'explain <name>',
    'what a component needs and how that is known, its weight by parts, and whether it can move',
    ['purser components explain embedder', 'purser components explain voice.coreml'],
    async ({ api, print, terminal }, [name = '']) => {
      const { reply, json } = await api().ask(componentsGet, { name });
      print(json, () => explained(reply, terminal));
    },
  );

  commands.leaf(
    components,
    'profile <name>',
    'find out anew what a component needs, whatever is known of it',
    ['purser components profile voice.coreml'],
    async ({ api, print, terminal }, [name = '']) => {
      const { reply } = await api().ask(componentsProfile, { name });
      const { reply: component, json } = await profiledSince(api(), name, reply.askedAt);
      print(json, () => explained(component, terminal));
    },
  );

  commands.leaf(
    components,
    'discover',
    'look for components now, and say what has changed since the last time',
    ['purser components discover', 'purser components discover --json | jq .added'],
    async ({ api, print }) => {
      const { reply, json } = await api().ask(componentsDiscover, {});
      print(json, () => discoveredText(reply));
    },
  );

  addComponentMoves(components, commands);
}

/** Asks until there is a profile of after that time. */
async function profiledSince(api: ControlApi, name: string, askedAt: string) {
  const deadline = performance.now() + PROFILE_MS;
  for (;;) {
    const answer = await api.ask(componentsGet, { name });
    const { profile, kind } = answer.reply;
    if (profile ? profile.profiledAt >= askedAt : kind === 'executor') return answer;
    if (performance.now() > deadline)
      throw new PurserError('timeout', {
        message: `${name} was not profiled within ${PROFILE_MS / 1000} s; \`purser components explain ${name}\` tells when it is.`,
      });
    await delay(LOOK_MS);
  }
}

const place = ({ place: at, vm }: ComponentStatus): string => (vm === null ? at : `${at} ${vm}`);
const weight = ({ weight: value }: Pick<ComponentStatus, 'weight'>): string =>
  value === null ? '?' : value.toFixed(1);

function listText({ components, problems }: ReplyOf<typeof componentsList>, limit: number, terminal: Terminal): string {
  const told = problems.map((problem) => `${printable(problem)}\n`).join('');
  if (components.length === 0)
    return `${told}No component was found. docs/guides/offload.md shows how to name some, or where to look.\n`;
  const shown = components.slice(0, limit);
  const listed = table(
    shown,
    [
      { head: 'COMPONENT', cell: ({ name }) => name },
      { head: 'KIND', cell: ({ kind }) => kind },
      { head: 'PLACE', cell: place },
      { head: 'WEIGHT', cell: weight, right: true },
      { head: 'PRIORITY', cell: ({ priority }) => priority },
      { head: 'MEMORY', cell: ({ memoryMb }) => megabytes(memoryMb), right: true },
      { head: 'KNOWN', cell: ({ evidence }) => evidence ?? '-' },
    ],
    (head) => terminal.style('dim', head),
  );
  const left = components.length - shown.length;
  const more = left > 0 ? `${left} more; ${terminal.typed('`purser components list --all`')} shows them.\n` : '';
  return `${listed}${more}${told === '' ? '' : `\n${told}`}`;
}

function discoveredText({ known, added, changed, removed, problems }: ReplyOf<typeof componentsDiscover>): string {
  const lines = (
    [
      ['new', added],
      ['changed', changed],
      ['gone', removed],
    ] as const
  ).flatMap(([what, names]) => (names.length === 0 ? [] : [`${what}: ${names.join(', ')}`]));
  const told = lines.length === 0 ? ['Nothing has changed.'] : lines;
  return [...told, `${count(known, 'component')} in all.`, ...problems].map((line) => `${printable(line)}\n`).join('');
}

const megabytes = (value: number | null): string => (value === null ? '?' : `${grouped(Math.round(value))} MB`);

function explained(component: Component, terminal: Terminal): string {
  const { name, kind, source, image, profile, parts, explanation } = component;
  const head = fields([
    ['component', name],
    ['kind', `${kind}, from ${source}`],
    ['image', image],
    ['place', place(component)],
    ['weight', weight(component)],
    ['priority', component.priority],
    ['memory', megabytes(component.memoryMb)],
    ['profiled', profile && moment(profile.profiledAt)],
  ]);
  const shown =
    parts.length === 0
      ? ''
      : table(
          parts,
          [
            { head: 'PART', cell: ({ part }) => part },
            { head: 'POINTS', cell: ({ points }) => points.toFixed(1), right: true },
            { head: 'OF', cell: ({ of }) => String(of), right: true },
            { head: 'BECAUSE', cell: ({ because }) => because },
          ],
          (text) => terminal.style('dim', text),
        );
  return [head, shown, explanation.map((line) => `${printable(line)}\n`).join('')]
    .filter((part) => part !== '')
    .join('\n');
}
