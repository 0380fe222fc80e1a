import {
  type BudgetInput,
  type BudgetChange,
  type BudgetPeriod,
  type BudgetReserve,
  budgetsDelete,
  budgetsHistory,
  budgetsList,
  budgetsSet,
  type BudgetStatus,
  PurserError,
  type WeekDay,
} from '@purser/contracts';
import { type Command, InvalidArgumentError } from 'commander';
import { type Column, table } from '../output/table.js';
import { moment, period, scope, usd } from '../output/words.js';
import type { Terminal } from '../terminal.js';
import { type CommandSet, positiveNumber, wholeNumber } from './command.js';
import { addLostLeaseCommands } from './lost-leases.js';
import { parseReserve, reserveWords } from './reserve.js';

interface SetOptions {
  limit?: string;
  period?: BudgetPeriod;
  provider?: string;
  project?: string;
  key?: string;
  task?: string;
  timezone?: string;
  weekStart?: WeekDay;
  warning?: number;
  critical?: number;
  cutoff?: number;
  onExhausted?: 'free' | 'block' | 'shutdown';
  reserve?: BudgetReserve | 'none';
  by?: string;
  reason?: string;
}

export function addBudgetCommands(program: Command, commands: CommandSet): void {
  const budget = program.command('budget').description('limits in dollars: see them, change them, remove them');

  commands.leaf(
    budget,
    'list',
    'all budgets with what is spent, set aside and left',
    ['purser budget list', 'purser budget list --json | jq .budgets[].window.remainingUsd'],
    async ({ api, print, terminal }) => {
      const { reply, json } = await api().ask(budgetsList, {});
      print(json, () =>
        reply.budgets.length === 0 ? terminal.typed(NO_BUDGET) : budgetTable(reply.budgets, terminal),
      );
    },
  );

  commands
    .leaf<SetOptions>(
      budget,
      'set <id>',
      'make a budget, or change what is given of one that is there',
      [
        'purser budget set monthly --limit 50 --period month',
        'purser budget set openai-daily --limit 5 --period day --provider openai --on-exhausted block',
        'purser budget set monthly --limit 80 --reason "release week"',
        'purser budget set monthly --reserve 10%:8',
      ],
      async ({ api, print, terminal, options }, [id = '']) => {
        const known = (await api().call(budgetsList, {})).budgets.find((one) => one.id === id);
        const by = options.by ?? terminal.user;
        const { reply, json } = await api().ask(budgetsSet, {
          ...changed(id, options, known),
          by,
          reason: options.reason ?? '',
        });
        print(json, () => budgetTable([reply], terminal));
      },
    )
    .option('--limit <usd>', 'dollars per period, such as 50 or 0.25')
    .option('--period <period>', 'day, week, month, total, or hours such as 24h (rolling)', parsePeriod)
    .option('--provider <name>', 'counts only calls to this provider')
    .option('--project <name>', 'counts only calls of this project')
    .option('--key <id>', 'counts only calls with this gateway key')
    .option('--task <id>', 'counts only calls of this task')
    .option('--timezone <zone>', 'where midnight is, such as Europe/Berlin (UTC)')
    .option('--week-start <day>', 'the first day of a week, such as sunday (monday)')
    .option('--warning <part>', 'part of the limit that warns (0.75)', positiveNumber)
    .option('--critical <part>', 'part of the limit that is critical (0.9)', positiveNumber)
    .option('--cutoff <part>', 'part of the limit at which it is exhausted (1)', positiveNumber)
    .option('--on-exhausted <action>', 'free, block or shutdown (free)')
    .option(
      '--reserve <part:priority>',
      'the last part of the limit is for calls of at least that priority, such as 10%:8, or in dollars 5.00:8; none',
      parseReserve,
    )
    .option('--by <name>', 'who (default: the user of this machine)')
    .option('--reason <text>', 'why; it is kept');

  commands
    .leaf<{ by?: string; reason?: string }>(
      budget,
      'delete <id>',
      'remove a budget: its limit holds no more; what was spent stays in the ledger',
      ['purser budget delete openai-daily --by ada --reason "the trial is over"'],
      async ({ api, print, terminal, options }, [id = '']) => {
        const request = { id, by: options.by ?? terminal.user, reason: options.reason ?? '' };
        const { reply, json } = await api().ask(budgetsDelete, request);
        if (!reply.deleted) throw new PurserError('not_found', { message: `There is no budget "${id}".` });
        print(json, () => `Budget ${id} is deleted.\n`);
      },
    )
    .option('--by <name>', 'who (default: the user of this machine)')
    .option('--reason <text>', 'why; it is kept');

  commands
    .leaf<{ limit?: number }>(
      budget,
      'history <id>',
      'who changed a budget, when, why, and from what to what; of deleted ones too',
      ['purser budget history monthly'],
      async ({ api, print, terminal, options }, [id = '']) => {
        const { reply, json } = await api().ask(budgetsHistory, { id, limit: options.limit });
        if (reply.changes.length === 0)
          throw new PurserError('not_found', { message: `There was never a budget "${id}".` });
        print(json, () => historyTable(reply.changes, terminal));
      },
    )
    .option('--limit <count>', 'at most so many changes, newest first (100)', wholeNumber);

  addLostLeaseCommands(budget, commands);
}

const NO_BUDGET =
  'No budget is set: paid calls have no limit. Set one: purser budget set monthly --limit 50 --period month\n';

export function parsePeriod(text: string): BudgetPeriod {
  if (text === 'day' || text === 'week' || text === 'month' || text === 'total') return text;
  const hours = /^(\d{1,4})h?$/.exec(text)?.[1];
  if (hours === undefined) throw new InvalidArgumentError('It must be day, week, month, total, or hours such as 24h.');
  return { hours: Number(hours) };
}

/** A budget is replaced as a whole, so what was not given is taken from the one that is there. */
export function changed(id: string, options: SetOptions, known: BudgetStatus | undefined): BudgetInput {
  const limitUsd = options.limit ?? known?.limitUsd;
  const periodGiven = options.period ?? known?.period;
  if (limitUsd === undefined || periodGiven === undefined) {
    throw new PurserError('invalid_request', {
      message: `There is no budget "${id}" yet. To make it, give --limit and --period: purser budget set ${id} --limit 50 --period month`,
    });
  }
  const weekStart = options.weekStart ?? known?.weekStart;
  const given = { provider: options.provider, project: options.project, key: options.key, task: options.task };
  const scopes = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const thresholds = Object.fromEntries(
    Object.entries({ warning: options.warning, critical: options.critical, cutoff: options.cutoff }).filter(
      ([, value]) => value !== undefined,
    ),
  );
  const reserve = options.reserve ?? known?.reserve;
  return {
    id,
    limitUsd,
    period: periodGiven,
    scope: Object.keys(scopes).length > 0 ? scopes : (known?.scope ?? {}),
    timezone: options.timezone ?? known?.timezone ?? 'UTC',
    ...(weekStart === undefined ? {} : { weekStart }),
    thresholds: { ...known?.thresholds, ...thresholds },
    onExhausted: options.onExhausted ?? known?.onExhausted ?? 'free',
    ...(reserve === undefined || reserve === 'none' ? {} : { reserve }),
  };
}

const STYLES = { ok: 'green', warning: 'yellow', critical: 'red', exhausted: 'red' } as const;

/** Only where a budget has a reserve. */
const RESERVES: Column<BudgetStatus>[] = [
  { head: 'RESERVED', cell: ({ reserve, window }) => reserveWords(reserve, window.reservedUsd), right: true },
  { head: 'FOR OTHERS', cell: ({ window }) => usd(window.unreservedUsd ?? window.remainingUsd), right: true },
];

export function budgetTable(budgets: BudgetStatus[], terminal: Pick<Terminal, 'style'>): string {
  const reserves = budgets.some(({ reserve }) => reserve !== undefined) ? RESERVES : [];
  return table(
    budgets,
    [
      { head: 'BUDGET', cell: ({ id }) => id },
      { head: 'COUNTS', cell: (budget) => scope(budget.scope) },
      { head: 'PER', cell: (budget) => period(budget.period) },
      { head: 'LIMIT', cell: ({ limitUsd }) => usd(limitUsd), right: true },
      { head: 'SPENT', cell: ({ window }) => usd(window.settledUsd), right: true },
      { head: 'SET ASIDE', cell: ({ window }) => usd(window.leasedUsd), right: true },
      { head: 'LEFT', cell: ({ window }) => usd(window.remainingUsd), right: true },
      ...reserves,
      { head: 'LEVEL', cell: ({ level }) => level, paint: (text, { level }) => terminal.style(STYLES[level], text) },
      { head: 'THEN', cell: ({ onExhausted }) => onExhausted },
      { head: 'UNTIL', cell: ({ window }) => moment(window.endsAt) ?? '-' },
    ],
    (head) => terminal.style('dim', head),
  );
}

const historyTable = (changes: readonly BudgetChange[], terminal: Pick<Terminal, 'style'>): string =>
  table(
    changes,
    [
      { head: 'AT', cell: ({ at }) => moment(at) ?? '-' },
      { head: 'BY', cell: ({ by }) => by },
      { head: 'CHANGE', cell: ({ before, after }) => differences(before, after) },
      { head: 'WHY', cell: ({ reason }) => reason },
    ],
    (head) => terminal.style('dim', head),
  );

type Definition = BudgetChange['before'];

/** What is another than before, in the words of the file: `limitUsd 5.00 -> 8.00`. */
export function differences(before: Definition, after: Definition): string {
  if (after === null) return 'deleted';
  if (before === null) return `made: ${usd(after.limitUsd)} per ${period(after.period)}, ${scope(after.scope)}`;
  const names = Object.keys({ ...before, ...after }) as (keyof typeof after)[];
  return names
    .map((name) => [name, JSON.stringify(before[name]), JSON.stringify(after[name])])
    .filter(([, was, is]) => was !== is)
    .map(([name, was = '-', is = '-']) => `${name} ${was} -> ${is}`.replaceAll('"', ''))
    .join(', ');
}
