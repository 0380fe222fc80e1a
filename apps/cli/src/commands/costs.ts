import { setTimeout as delay } from 'node:timers/promises';
import {
  budgetsList,
  type BudgetStatus,
  costsSummary,
  emergencyStatus,
  isPurserError,
  PurserError,
} from '@purser/contracts';
import type { Command } from 'commander';
import type { ControlApi } from '../api/control-api.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { type Dashboard, dashboardText, usedOf } from '../output/costs.js';
import { percent } from '../output/words.js';
import { type CommandSet, describe, type Invocation, positiveNumber } from './command.js';

interface Options {
  watch?: boolean;
  every: number;
  failOver?: number;
  budget?: string;
}

/** Puts what follows in the place of what is there, on a terminal. */
const OVER_THE_LAST = '\u001b[H\u001b[J';

export function addCostsCommand(program: Command, commands: CommandSet): void {
  commands
    .leaf<Options>(
      program,
      'costs',
      'what is spent and left, by provider and model, and how the month will end',
      [
        'purser costs',
        'purser costs --watch',
        'purser costs --json | jq -r .costs.monthUsd',
        'purser costs --fail-over 90 || echo "stop, or raise the budget"',
        'purser costs --fail-over 75 --budget openai-daily',
      ],
      async (invocation) => {
        if (invocation.options.watch) return watch(invocation);
        const { dashboard, json } = await read(invocation.api());
        invocation.print(json, () => dashboardText(dashboard, invocation.terminal));
        return judged(dashboard.budgets, invocation);
      },
    )
    .option('--watch', 'show it again and again, until Ctrl-C')
    .option('--every <seconds>', 'how often, with --watch', positiveNumber, 2)
    .option('--fail-over <percent>', 'exit with 1 when a budget is used beyond so much of its limit', positiveNumber)
    .option('--budget <id>', 'look only at this budget, with --fail-over');
}

async function read(api: ControlApi): Promise<{ dashboard: Dashboard; json: unknown }> {
  const [costs, budgets, emergency] = await Promise.all([
    api.ask(costsSummary, {}),
    api.ask(budgetsList, {}),
    api.ask(emergencyStatus, {}),
  ]);
  return {
    dashboard: { costs: costs.reply, budgets: budgets.reply.budgets, latch: emergency.reply.latch },
    json: { costs: costs.json, ...(budgets.json as object), ...(emergency.json as object) },
  };
}

/** For cron and CI. Nothing to measure against is no success: somebody relies on there being a limit. */
function judged(budgets: readonly BudgetStatus[], { options, terminal }: Invocation<Options>): ExitCode {
  const { failOver, budget } = options;
  if (failOver === undefined) return EXIT.ok;
  const those = budget === undefined ? budgets : budgets.filter(({ id }) => id === budget);
  if (those.length === 0) {
    const what = budget === undefined ? 'There is no budget' : `There is no budget "${budget}"`;
    throw new PurserError('not_found', { message: `${what} to hold --fail-over ${failOver} against.` });
  }
  const over = those.filter((one) => usedOf(one) > failOver);
  for (const one of over) terminal.err(`${one.id} is at ${percent(usedOf(one))}, over ${failOver} %\n`);
  return over.length === 0 ? EXIT.ok : EXIT.failed;
}

/** Ends with what cannot pass by itself; a Purser that restarts is waited for. */
async function watch({ api, options, terminal }: Invocation<Options>): Promise<never> {
  for (;;) {
    try {
      const { dashboard, json } = await read(api());
      const text = () => `${terminal.screen ? OVER_THE_LAST : ''}${dashboardText(dashboard, terminal)}\n`;
      terminal.out(options.json ? `${JSON.stringify(json)}\n` : text());
    } catch (error) {
      if (!isPurserError(error) || !error.retryable) throw error;
      terminal.err(`${terminal.typed(describe(error))}\n`);
    }
    await delay(options.every * 1_000);
  }
}
