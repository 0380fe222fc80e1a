import {
  budgetsList,
  costsSummary,
  emergencyStatus,
  type Heartbeat,
  isPurserError,
  modelsList,
  type Operation,
  type ReplyOf,
  servicesList,
  tasksList,
} from '@purser/contracts';
import type { Command } from 'commander';
import type { ControlApi } from '../api/control-api.js';
import { EXIT } from '../exit-codes.js';
import { fields, table } from '../output/table.js';
import { count, since, usd } from '../output/words.js';
import type { Terminal } from '../terminal.js';
import { budgetTable } from './budget.js';
import { type CommandSet, describe } from './command.js';
import { latchText } from './emergency.js';

type Part<O extends Operation> = { ok: true; reply: ReplyOf<O>; json: unknown } | { ok: false; error: unknown };

export function addStatusCommand(program: Command, commands: CommandSet): void {
  commands.leaf(
    program,
    'status',
    'what runs, what it costs, and whether anything needs you',
    ['purser status', 'purser status --json | jq .emergency.latch.active'],
    async ({ api, print, terminal }) => {
      const control = api();
      // Asked alone first: when nobody answers, that is all there is to say.
      const services = await control.ask(servicesList, {});
      const [emergency, running, costs, budgets, models] = await Promise.all([
        part(control, emergencyStatus, {}),
        part(control, tasksList, { state: 'running', limit: 500 }),
        part(control, costsSummary, {}),
        part(control, budgetsList, {}),
        part(control, modelsList, {}),
      ]);
      const json = {
        services: (services.json as { services: unknown }).services,
        emergency: jsonOf(emergency),
        running: jsonOf(running),
        costs: jsonOf(costs),
        budgets: jsonOf(budgets),
        models: jsonOf(models),
      };
      print(json, () =>
        [
          shown(emergency, 'emergency', ({ latch }) => latchText(latch, terminal)),
          serviceTable(services.reply.services, terminal),
          shown(running, 'tasks', ({ tasks }) => `${count(tasks.length, 'task')} running\n`),
          shown(costs, 'costs', ({ todayUsd, weekUsd, monthUsd }) =>
            fields([
              ['spent today', usd(todayUsd)],
              ['this week', usd(weekUsd)],
              ['this month', `${usd(monthUsd)} (UTC)`],
            ]),
          ),
          shown(budgets, 'budgets', (list) =>
            list.budgets.length === 0 ? 'no budgets: paid calls have no limit\n' : budgetTable(list.budgets, terminal),
          ),
          shown(models, 'models', ({ providers }) =>
            fields(
              providers.map(({ name, available, reason }) => [name, available ? 'ready' : (reason ?? 'not ready')]),
            ),
          ),
        ].join('\n'),
      );
      const missing = [emergency, running, costs, budgets, models].find((one) => !one.ok);
      return missing === undefined ? EXIT.ok : EXIT.unreachable;
    },
  );
}

async function part<O extends Operation>(
  api: ControlApi,
  operation: O,
  request: Parameters<typeof api.ask<O>>[1],
): Promise<Part<O>> {
  try {
    return { ok: true, ...(await api.ask(operation, request)) };
  } catch (error) {
    return { ok: false, error };
  }
}

const jsonOf = (one: Part<Operation>): unknown =>
  one.ok ? one.json : { error: isPurserError(one.error) ? one.error.toJSON() : { message: String(one.error) } };

function shown<O extends Operation>(one: Part<O>, what: string, human: (reply: ReplyOf<O>) => string): string {
  return one.ok ? human(one.reply) : `${what}: not known (${describe(one.error)})\n`;
}

function serviceTable(services: Heartbeat[], terminal: Terminal): string {
  const now = new Date();
  return table(
    [...services].sort((a, b) => a.service.localeCompare(b.service) || a.instance.localeCompare(b.instance)),
    [
      { head: 'SERVICE', cell: ({ service }) => service },
      { head: 'INSTANCE', cell: ({ instance }) => instance },
      { head: 'VERSION', cell: ({ version }) => version },
      { head: 'UP', cell: ({ startedAt }) => since(startedAt, now), right: true },
      { head: 'HEARD', cell: ({ at }) => `${since(at, now)} ago`, right: true },
    ],
    (head) => terminal.style('dim', head),
  );
}
