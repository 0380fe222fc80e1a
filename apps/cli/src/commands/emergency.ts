import { type Acknowledgement, emergencyReset, emergencyStatus, type Latch } from '@purser/contracts';
import type { Command } from 'commander';
import { type Triggered, triggerEmergency } from '../emergency/trigger.js';
import { fields } from '../output/table.js';
import { moment } from '../output/words.js';
import type { Terminal } from '../terminal.js';
import type { CommandSet } from './command.js';
import { addEmergencyReportCommands } from './emergency-reports.js';

interface DecisionOptions {
  by?: string;
  reason: string;
}

export function addEmergencyCommands(program: Command, commands: CommandSet): void {
  const emergency = program.command('emergency').description('the emergency stop: see it, set it, end it');

  commands.leaf(
    emergency,
    'status',
    'whether the latch is set, by whom, and what was stopped',
    ['purser emergency status'],
    async ({ api, print, terminal }) => {
      const { reply, json } = await api().ask(emergencyStatus, {});
      print(json, () => latchText(reply.latch, terminal) + acknowledgements(reply.acknowledgements));
    },
  );

  commands
    .leaf<DecisionOptions>(
      emergency,
      'trigger',
      'stop every agent and every paid call now, until a person resets it',
      ['purser emergency trigger --reason "agents loop on the nightly review"'],
      async ({ api, print, terminal, options }) => {
        const decision = { by: options.by ?? terminal.user, reason: options.reason };
        const { latch, direct } = await triggerEmergency(api, terminal, decision);
        print(direct === undefined ? latch : { ...latch, direct }, () => latchText(latch, terminal) + directly(direct));
      },
    )
    .requiredOption('--reason <text>', 'why; it is kept')
    .option('--by <name>', 'who (default: the user of this machine)');

  commands
    .leaf<DecisionOptions>(
      emergency,
      'reset',
      'end the emergency: agents and paid calls may start again',
      ['purser emergency reset --by ada --reason "the loop is fixed"'],
      async ({ api, print, terminal, options }) => {
        const request = { by: options.by ?? terminal.user, reason: options.reason };
        const { reply, json } = await api().ask(emergencyReset, request);
        print(json, () => latchText(reply, terminal));
      },
    )
    .requiredOption('--reason <text>', 'why it is over; it is kept')
    .option('--by <name>', 'who (default: the user of this machine)');

  addEmergencyReportCommands(emergency, commands);
}

/** A person has to know that it was not the usual way, and what of it was done. */
function directly(direct: Triggered['direct']): string {
  if (direct === undefined) return '';
  return (
    `\nNo watchdog answered (${direct.why}), so it was set past it:\n` +
    fields([
      ['Postgres', direct.postgres],
      ['NATS', direct.nats],
    ]) +
    'Services that run obey now. Containers and programs are stopped when a watchdog runs again.\n'
  );
}

export function latchText(latch: Latch, terminal: Pick<Terminal, 'style'>): string {
  const state = latch.active
    ? terminal.style('red', 'EMERGENCY: nothing starts and nothing is spent')
    : terminal.style('green', 'no emergency');
  if (latch.serial === 0) return `${state}\n`;
  return (
    `${state}\n` +
    fields([
      ['serial', String(latch.serial)],
      [latch.active ? 'set' : 'ended', `${moment(latch.at)} by ${latch.by}`],
      ['reason', latch.reason],
    ])
  );
}

function acknowledgements(list: Acknowledgement[]): string {
  if (list.length === 0) return '';
  const rows = list.map(({ service, instance, stopped }) => {
    const what = stopped.length === 0 ? 'had nothing to stop' : `stopped ${stopped.join(', ')}`;
    return [`${service} ${instance}`, what] as const;
  });
  return `\nAcknowledged by\n${fields(rows)}`;
}
