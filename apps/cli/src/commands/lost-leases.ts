import { type LeaseRelease, leasesPresumed, leasesRelease, type PresumedLease } from '@purser/contracts';
import type { Command } from 'commander';
import { type Column, table } from '../output/table.js';
import { moment, usd } from '../output/words.js';
import type { Terminal } from '../terminal.js';
import { type CommandSet, wholeNumber } from './command.js';

const HELD: readonly Column<PresumedLease>[] = [
  { head: 'GATEWAY', cell: ({ gateway }) => gateway },
  { head: 'BUDGET', cell: ({ budgetId }) => budgetId },
  { head: 'AMOUNT', cell: ({ amountUsd }) => usd(amountUsd), right: true },
  { head: 'LOST SINCE', cell: ({ lostSince }) => moment(lostSince) ?? '-' },
];

const RELEASED: readonly Column<LeaseRelease>[] = [
  ...HELD,
  { head: 'RELEASED', cell: ({ at }) => moment(at) ?? '-' },
  { head: 'BY', cell: ({ by }) => by },
  { head: 'WHY', cell: ({ reason }) => reason },
];

/** What gateways that are lost for good keep from others. */
export function addLostLeaseCommands(budget: Command, commands: CommandSet): void {
  commands
    .leaf<{ limit?: number }>(
      budget,
      'presumed',
      'what lost gateways hold of budgets, presumed spent; and what was released of it',
      ['purser budget presumed', "purser budget presumed --json | jq '.presumed[].gateway'"],
      async ({ api, print, terminal, options }) => {
        const { reply, json } = await api().ask(leasesPresumed, { limit: options.limit });
        print(json, () => presumedText(reply.presumed, reply.releases, terminal));
      },
    )
    .option('--limit <count>', 'at most so many releases (100)', wholeNumber);

  commands
    .leaf<{ by?: string; reason: string }>(
      budget,
      'release <gateway>',
      'give back to the budgets what a gateway holds that is lost for good',
      ['purser budget release gateway-laptop-1f3a9c2e --by ada --reason "its disk is gone"'],
      async ({ api, print, terminal, options }, [gateway = '']) => {
        const request = { gateway, by: options.by ?? terminal.user, reason: options.reason };
        const { reply, json } = await api().ask(leasesRelease, request);
        print(json, () => releasedText(gateway, reply.released, terminal));
      },
    )
    .requiredOption('--reason <text>', 'how you know that it does not come back; it is kept')
    .option('--by <name>', 'who (default: the user of this machine)');
}

type Styled = Pick<Terminal, 'style'>;

function presumedText(presumed: readonly PresumedLease[], releases: readonly LeaseRelease[], terminal: Styled): string {
  const dim = (head: string) => terminal.style('dim', head);
  const held = presumed.length === 0 ? 'No lost gateway holds anything.\n' : table(presumed, HELD, dim);
  return releases.length === 0 ? held : `${held}\nReleased\n${table(releases, RELEASED, dim)}`;
}

const releasedText = (gateway: string, released: readonly LeaseRelease[], terminal: Styled): string =>
  released.length === 0
    ? `${gateway} holds nothing that is presumed spent: nothing was released.\n`
    : table(released, RELEASED, (head) => terminal.style('dim', head));
