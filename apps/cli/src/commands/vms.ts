import { type ReplyOf, type StrayResource, type Vm, vmsDelete, vmsList, vmsReap } from '@purser/contracts';
import type { Command } from 'commander';
import { EXIT } from '../exit-codes.js';
import { printable, table } from '../output/table.js';
import { count, moment, usd } from '../output/words.js';
import type { Terminal } from '../terminal.js';
import { type CommandSet, wholeNumber } from './command.js';

type Styled = Pick<Terminal, 'style'>;

export function addVmsCommands(program: Command, commands: CommandSet): void {
  const vms = program.command('vms').description('the VMs that components were moved to, and what they cost');

  commands
    .leaf<{ all?: boolean; component?: string; limit?: number }>(
      vms,
      'list',
      'what runs, since when, for how long at most, and what it has cost; and what runs that nobody knows of',
      ['purser vms list', 'purser vms list --all --component llm', "purser vms list --json | jq '.vms[].name'"],
      async ({ api, print, terminal, options }) => {
        const { all = false, component, limit } = options;
        const { reply, json } = await api().ask(vmsList, { all, component, limit });
        print(json, () => listText(reply.vms, reply.strays, terminal));
      },
    )
    .option('--all', 'those that are gone too')
    .option('--component <name>', 'those of this component')
    .option('--limit <count>', 'at most so many (100)', wholeNumber);

  commands
    .leaf<{ by?: string; reason?: string }>(
      vms,
      'delete <id>',
      'delete a VM, in whatever state it is',
      ['purser vms delete 3f9a1c2e7b04 --reason "its component hangs"'],
      async ({ api, print, terminal, options }, [id = '']) => {
        const { by = terminal.user, reason } = options;
        const { reply, json } = await api().ask(vmsDelete, { id, by, reason });
        const look = terminal.typed('`purser vms list`');
        const over = reply.state === 'gone';
        print(
          json,
          () => `${reply.name} is ${reply.state}.${over ? '' : ` ${look} shows when it was seen to be gone.`}\n`,
        );
      },
    )
    .option('--by <name>', 'who (default: the user of this machine)')
    .option('--reason <text>', 'why; it is kept');

  commands.leaf(
    vms,
    'reap',
    'look through all zones for what nobody claims or what is past its end, and delete it after a second look',
    ['purser vms reap'],
    async ({ api, print, terminal }) => {
      const { reply, json } = await api().ask(vmsReap, {});
      print(json, () => reapedText(reply, terminal));
      return reply.unsearched.length === 0 ? EXIT.ok : EXIT.failed;
    },
  );
}

function reapedText({ found, searched, unsearched, secondLookAt }: ReplyOf<typeof vmsReap>, terminal: Styled): string {
  const failed = unsearched.map(
    ({ provider, reason }) =>
      `${terminal.style('red', `${provider} could not be searched`)}: ${printable(reason)}. It is tried again by itself.\n`,
  );
  if (searched.length === 0 && failed.length === 0)
    return 'There is no compute driver in plugins.json: nothing was searched.\n';
  const look = `It is looked at again at ${moment(secondLookAt)}, and then deleted if it is old enough.\n`;
  const nothing = searched.length === 0 ? '' : `Nothing was found at ${searched.join(', ')}.\n`;
  return `${found.length === 0 ? nothing : `${foundText(found, terminal)}${look}`}${failed.join('')}`;
}

function listText(vms: readonly Vm[], strays: readonly StrayResource[], terminal: Styled): string {
  const dim = (head: string) => terminal.style('dim', head);
  const known =
    vms.length === 0
      ? 'There is no VM.\n'
      : table(
          vms,
          [
            { head: 'ID', cell: ({ id }) => id },
            { head: 'COMPONENT', cell: ({ component }) => component },
            { head: 'STATE', cell: ({ state }) => state },
            { head: 'WHERE', cell: ({ provider, zone }) => (zone === null ? provider : `${provider} ${zone}`) },
            { head: 'TYPE', cell: ({ machineType, spot }) => (spot ? `${machineType} spot` : machineType) },
            { head: 'SINCE', cell: ({ createdAt, requestedAt }) => moment(createdAt ?? requestedAt) ?? '-' },
            { head: 'ENDS BY', cell: ({ goneAt, expiresAt }) => moment(goneAt ?? expiresAt) ?? '-' },
            { head: 'COST', cell: ({ costUsd }) => usd(costUsd), right: true },
            { head: 'AT MOST', cell: ({ heldUsd }) => usd(heldUsd), right: true },
            { head: 'WHY', cell: ({ reason }) => reason },
          ],
          dim,
        );
  if (strays.length === 0) return known;
  const head = `\n${terminal.style('red', `${count(strays.length, 'resource')} that no VM claims`)}\n`;
  return `${known}${head}${foundText(strays, terminal)}`;
}

type Found = Pick<StrayResource, 'provider' | 'kind' | 'name' | 'zone' | 'createdAt' | 'reason'>;

const foundText = (found: readonly Found[], terminal: Styled): string =>
  table(
    found,
    [
      { head: 'KIND', cell: ({ kind }) => kind },
      { head: 'NAME', cell: ({ name }) => name },
      { head: 'WHERE', cell: ({ provider, zone }) => `${provider} ${zone}` },
      { head: 'SINCE', cell: ({ createdAt }) => moment(createdAt) ?? '-' },
      { head: 'WHY', cell: ({ reason }) => reason },
    ],
    (head) => terminal.style('dim', head),
  );
