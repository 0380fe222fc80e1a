import { emergencyDrill, reportsGet, reportsList, type ShutdownTarget } from '@purser/contracts';
import type { Command } from 'commander';
import { fields, table } from '../output/table.js';
import { count, moment, usd } from '../output/words.js';
import type { Terminal } from '../terminal.js';
import { type CommandSet, wholeNumber } from './command.js';

const FATES: Record<ShutdownTarget['fate'], string> = {
  stopped: 'stopped',
  killed: 'killed',
  gone: 'had ended',
  alive: 'STILL RUNS',
  over_cap: 'too many',
  protected: 'protected',
  left: 'left alone',
  would_stop: 'would be stopped',
};

export function addEmergencyReportCommands(emergency: Command, commands: CommandSet): void {
  commands.leaf(
    emergency,
    'drill',
    'what an emergency would stop now; touches nothing',
    ['purser emergency drill', 'purser emergency drill --json | jq .targets'],
    async ({ api, print, terminal }) => {
      const { reply, json } = await api().ask(emergencyDrill, {});
      const { watchdog, docker, services, targets, problems } = reply;
      print(json, () =>
        [
          'A drill: nothing was stopped.\n',
          fields([
            ['watchdog', watchdog],
            ['docker', docker],
            ['services', services.map(({ service, instance }) => `${service} ${instance}`).join('\n') || 'none alive'],
          ]),
          targetTable(targets, terminal),
          ...problems.map((one) => `${terminal.style('red', one)}\n`),
        ].join('\n'),
      );
    },
  );

  commands
    .leaf<{ limit?: number }>(
      emergency,
      'reports',
      'the reports of emergencies, newest first',
      ['purser emergency reports'],
      async ({ api, print, terminal, options }) => {
        const { reply, json } = await api().ask(
          reportsList,
          options.limit === undefined ? {} : { limit: options.limit },
        );
        print(json, () =>
          reply.reports.length === 0
            ? 'no emergency has been reported\n'
            : table(
                reply.reports,
                [
                  { head: 'REPORT', cell: ({ id }) => id },
                  { head: 'SET', cell: ({ at }) => moment(at) ?? '' },
                  { head: 'BY', cell: ({ by }) => by },
                  { head: 'STOPPED', cell: ({ stopped }) => String(stopped), right: true },
                  { head: 'ALIVE', cell: ({ alive }) => String(alive), right: true },
                  { head: 'SILENT', cell: ({ missing }) => String(missing), right: true },
                  { head: 'REASON', cell: ({ reason }) => reason },
                ],
                (head) => terminal.style('dim', head),
              ),
        );
      },
    )
    .option('--limit <n>', 'how many', wholeNumber);

  commands
    .leaf<{ html?: boolean }>(
      emergency,
      'report <id>',
      'one report: what was stopped, what still runs and costs',
      [
        'purser emergency report emergency_2026-11-23T11-18-54-123Z',
        'purser emergency report emergency_2026-11-23T11-18-54-123Z --html > report.html',
      ],
      async ({ api, print, terminal, options }, [id = '']) => {
        const { reply, json } = await api().ask(reportsGet, { id });
        if (options.html) {
          terminal.out(reply.html);
          return;
        }
        const { latch, targets, missing, stillCosting, problems } = reply.report;
        print((json as { report: unknown }).report, () =>
          [
            fields([
              ['emergency', String(latch.serial)],
              ['set', `${moment(latch.at)} by ${latch.by}`],
              ['reason', latch.reason],
              [
                'still costs',
                stillCosting.items.length === 0
                  ? 'nothing that is known'
                  : `${usd(stillCosting.usdPerHour)} an hour at least: ${stillCosting.items.map(({ what }) => what).join(', ')}`,
              ],
              ['silent', missing.map(({ service, instance }) => `${service} ${instance}`).join('\n')],
              ['problems', problems.join('\n')],
            ]),
            targetTable(targets, terminal),
          ].join('\n'),
        );
      },
    )
    .option('--html', 'the page to read, for a file');
}

function targetTable(targets: ShutdownTarget[], terminal: Pick<Terminal, 'style'>): string {
  if (targets.length === 0) return 'no containers and no programs\n';
  return (
    table(
      targets,
      [
        { head: 'KIND', cell: ({ kind }) => kind },
        { head: 'NAME', cell: ({ name }) => name },
        {
          head: 'FATE',
          cell: ({ fate }) => FATES[fate],
          paint: (text, { fate }) => (fate === 'alive' || fate === 'over_cap' ? terminal.style('red', text) : text),
        },
        { head: 'WHY', cell: ({ detail }) => detail },
      ],
      (head) => terminal.style('dim', head),
    ) + `${count(targets.length, 'container or program', 'containers and programs')}\n`
  );
}
