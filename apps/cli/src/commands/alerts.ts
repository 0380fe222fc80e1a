import { type AlertChannel, type AlertRecord, alertsChannels, alertsList, alertsTest } from '@purser/contracts';
import type { Command } from 'commander';
import { EXIT } from '../exit-codes.js';
import { table } from '../output/table.js';
import { count, moment } from '../output/words.js';
import type { Terminal } from '../terminal.js';
import { type CommandSet, wholeNumber } from './command.js';

interface ListOptions {
  all?: boolean;
  severity?: 'info' | 'warning' | 'critical';
  kind?: string;
  since?: string;
  limit?: number;
}

export function addAlertsCommands(program: Command, commands: CommandSet): void {
  const alerts = program.command('alerts').description('what people are told, and by which channels');

  commands
    .leaf<ListOptions>(
      alerts,
      'list',
      'open alerts, newest first; with --all past ones too',
      ['purser alerts list', 'purser alerts list --all --severity critical', 'purser alerts list --json | jq .alerts'],
      async ({ api, print, terminal, options }) => {
        const { all, severity, kind, since, limit } = options;
        const { reply, json } = await api().ask(alertsList, {
          ...(all ? {} : { state: 'firing' as const }),
          ...(severity === undefined ? {} : { severity }),
          ...(kind === undefined ? {} : { kind }),
          ...(since === undefined ? {} : { since }),
          ...(limit === undefined ? {} : { limit }),
        });
        print(json, () => {
          const shown = reply.alerts.length === 0 ? 'no alerts\n' : alertTable(reply.alerts, terminal);
          return shown + more(reply.next !== null) + deadChannels(reply.deadChannels, terminal);
        });
      },
    )
    .option('--all', 'also alerts that are over')
    .option('--severity <severity>', 'info, warning or critical')
    .option('--kind <kind>', 'such as budget_critical or channel_dead')
    .option('--since <time>', 'raised since then, such as 2026-11-01T00:00:00Z')
    .option('--limit <n>', 'at most so many (50)', wholeNumber);

  commands.leaf(
    alerts,
    'channels',
    'the channels by which people are told, and how each of them does',
    ['purser alerts channels'],
    async ({ api, print, terminal }) => {
      const { reply, json } = await api().ask(alertsChannels, {});
      print(json, () => (reply.channels.length === 0 ? NO_CHANNEL : channelTable(reply.channels, terminal)));
    },
  );

  commands
    .leaf<{ channel?: string }>(
      alerts,
      'test',
      'send a test notice through every channel, and see which arrive; ends with 1 when one does not',
      ['purser alerts test', 'purser alerts test --channel smtp'],
      async ({ api, print, terminal, options }) => {
        const { channel } = options;
        const { reply, json } = await api().ask(alertsTest, channel === undefined ? {} : { channel });
        print(json, () =>
          reply.results.length === 0
            ? NO_CHANNEL
            : reply.results
                .map(({ channel: name, ok, error, tookMs }) =>
                  ok
                    ? `${terminal.style('green', 'sent')}    ${name} (${tookMs} ms)\n`
                    : `${terminal.style('red', 'failed')}  ${name}: ${error ?? ''}\n`,
                )
                .join(''),
        );
        return reply.results.length > 0 && reply.results.every(({ ok }) => ok) ? EXIT.ok : EXIT.failed;
      },
    )
    .option('--channel <name>', 'only this one');
}

const NO_CHANNEL =
  'No channel is set up: alerts are on NATS (alert.>) alone. For mail set SMTP_SERVER and ALERT_EMAIL; docs/guides/alerts.md has the rest.\n';

const STYLES = { info: 'dim', warning: 'yellow', critical: 'red' } as const;

function alertTable(alerts: AlertRecord[], terminal: Pick<Terminal, 'style'>): string {
  return table(
    alerts,
    [
      { head: 'SINCE', cell: ({ firedAt }) => moment(firedAt) ?? '' },
      {
        head: 'LEVEL',
        cell: ({ severity }) => severity,
        paint: (text, { severity }) => terminal.style(STYLES[severity], text),
      },
      { head: 'STATE', cell: stateOf },
      { head: 'TIMES', cell: (alert) => String(alert.count), right: true },
      { head: 'WHAT', cell: ({ title }) => title },
    ],
    (head) => terminal.style('dim', head),
  );
}

const stateOf = ({ state, silenced, resolvedAt }: AlertRecord): string => {
  if (state === 'resolved') return `over ${moment(resolvedAt) ?? ''}`;
  return silenced ? 'silenced' : 'open';
};

const CHANNEL_STYLES = { ok: 'green', failing: 'yellow', dead: 'red', unusable: 'red' } as const;

function channelTable(channels: AlertChannel[], terminal: Pick<Terminal, 'style'>): string {
  return table(
    channels,
    [
      { head: 'CHANNEL', cell: ({ name }) => name },
      {
        head: 'STATE',
        cell: ({ state }) => state,
        paint: (text, { state }) => terminal.style(CHANNEL_STYLES[state], text),
      },
      { head: 'FROM', cell: ({ minSeverity }) => minSeverity },
      { head: 'LAST SENT', cell: ({ lastSentAt }) => moment(lastSentAt) ?? '-' },
      { head: 'WAITING', cell: ({ pending }) => String(pending), right: true },
      { head: 'GIVEN UP', cell: ({ givenUp }) => String(givenUp), right: true },
      { head: 'TROUBLE', cell: ({ lastError }) => lastError ?? '' },
    ],
    (head) => terminal.style('dim', head),
  );
}

const more = (there: boolean): string => (there ? 'There are more: --limit 500, or the REST API with "before".\n' : '');

const deadChannels = (names: readonly string[], terminal: Pick<Terminal, 'style'>): string =>
  names.length === 0
    ? ''
    : `${terminal.style('red', `${count(names.length, 'channel')} reaching nobody: ${names.join(', ')}`)}; see purser alerts channels\n`;
