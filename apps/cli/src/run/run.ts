import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  budgetsList,
  PurserError,
  tasksCreate,
  type TaskSpecInput,
  type BudgetStatus,
  isPurserError,
  type WorkOutlook,
  workOutlook,
  workReport,
} from '@purser/contracts';
import { readSecret } from '@purser/service';
import { ControlApi } from '../api/control-api.js';
import type { ExitCode } from '../exit-codes.js';
import { findConfigDir, findHome } from '../home.js';
import { type RunDone, runText } from '../output/runs.js';
import type { Terminal } from '../terminal.js';
import type { Installation, Running } from '../up/installation.js';
import type { Ready } from '../up/ready-text.js';
import { loadServices } from '../up/services.js';
import { launch, type Purpose } from '../up/up.js';
import { losesState, requireKeptState } from './kept-state.js';
import { Verdict } from './verdict.js';

const LOOK_MS = 1_000;
/** Counting much work costs Postgres something, and it will not be done in a second. */
const LOOK_AT_MUCH_MS = 10_000;
const MUCH = 1_000;
/** Budgets are asked for by every so-manieth look. */
const BUDGETS_EVERY = 10;
/** How long the control API may be away, as while Postgres is started again. */
const PATIENCE_MS = 60_000;

export interface RunOptions {
  maxMinutes: number;
  linger: number;
  submit?: string;
  allowEmbeddedDatabase?: boolean;
  json?: boolean;
}

/** Starts everything, works until there is nothing to do, hands off what still runs, and ends. */
export async function runOnce(terminal: Terminal, options: RunOptions): Promise<ExitCode> {
  const allowed = options.allowEmbeddedDatabase === true;
  requireKeptState({ env: terminal.env, budgets: await configuredBudgets(terminal), allowed });
  const tasks = options.submit === undefined ? [] : await tasksFrom(options.submit, terminal);
  return launch(terminal, new Run(terminal, options, tasks));
}

async function configuredBudgets({ env, cwd }: Terminal): Promise<string[]> {
  const { loadBudgetsFile } = await loadServices()['cost-watchdog'];
  // A file that cannot be read is told by the start, with everything else that is wrong.
  const file = await loadBudgetsFile(findConfigDir(env, cwd)).catch(() => undefined);
  return [...(file?.budgets ?? []).map(({ id }) => id), ...(env.DAILY_SPEND_CAP ? ['DAILY_SPEND_CAP'] : [])];
}

/** One task as JSON, or an array of them. */
async function tasksFrom(path: string, terminal: Terminal): Promise<TaskSpecInput[]> {
  const where = path === '-' ? 'standard input' : path;
  try {
    const text = path === '-' ? await terminal.readInput() : await readFile(resolve(terminal.cwd, path), 'utf8');
    const given = JSON.parse(text) as TaskSpecInput | TaskSpecInput[];
    return Array.isArray(given) ? given : [given];
  } catch (cause) {
    const problem = cause instanceof SyntaxError ? 'is not JSON' : 'cannot be read';
    throw new PurserError('invalid_request', { message: `${where} ${problem}: ${(cause as Error).message}`, cause });
  }
}

class Run implements Purpose {
  private readonly startedAt = performance.now();
  private readonly endsAt: number;
  private since: string | undefined;

  constructor(
    private readonly terminal: Terminal,
    private readonly options: RunOptions,
    private readonly tasks: readonly TaskSpecInput[],
  ) {
    this.endsAt = this.startedAt + options.maxMinutes * 60_000;
  }

  announce({ seconds, logFile }: Ready): void {
    const { maxMinutes } = this.options;
    this.terminal.err(
      `Purser is ready (${seconds.toFixed(1)} s). It works until there is nothing to do, for ${maxMinutes} minutes at most.${logFile === null ? '' : ` Logs: ${logFile}`}\n`,
    );
  }

  async served(running: Running, signal: AbortSignal): Promise<string> {
    const api = this.apiOf(running);
    for (const task of this.tasks) await api.call(tasksCreate, task, signal);
    const verdict = new Verdict(this.options.linger * 1_000);
    let budgets: readonly BudgetStatus[] = [];
    let heardAt = performance.now();
    for (let look = 0; ; look++) {
      let outlook: WorkOutlook | undefined;
      try {
        outlook = await api.call(workOutlook, {}, signal);
        this.since ??= new Date(Date.parse(outlook.at) - (performance.now() - this.startedAt)).toISOString();
        if (look % BUDGETS_EVERY === 0) budgets = await this.budgetsNow(api, signal);
        heardAt = performance.now();
      } catch (error) {
        if (!isPurserError(error) || !error.retryable || performance.now() - heardAt > PATIENCE_MS) throw error;
      }
      const msLeft = this.endsAt - performance.now();
      if (!outlook && msLeft <= 0) return 'time';
      const ending = outlook && verdict.after({ outlook, budgets, msLeft });
      if (ending) return ending;
      const pause = (outlook?.ready ?? 0) > MUCH ? LOOK_AT_MUCH_MS : LOOK_MS;
      await delay(Math.max(1, Math.min(pause, msLeft)), undefined, { signal });
    }
  }

  /** Runners first: what they hand off is a part of what was done. */
  async conclude(reason: string, running: Running, installation: Installation): Promise<void> {
    await installation.stopFirst('agent-runner');
    const api = this.apiOf(running);
    const [left, report] = await Promise.all([
      api.call(workOutlook, {}),
      api.call(workReport, { since: this.since ?? new Date().toISOString() }),
    ]);
    const seconds = Math.round((performance.now() - this.startedAt) / 1000);
    const done: RunDone = { reason, seconds, ...report, left };
    const { terminal, options } = this;
    terminal.out(options.json ? `${JSON.stringify(done, null, 2)}\n` : runText(done, terminal));
  }

  /** Also those that were set while it ran, and those of tasks. */
  private async budgetsNow(api: ControlApi, signal: AbortSignal): Promise<readonly BudgetStatus[]> {
    const { env } = this.terminal;
    const { budgets } = await api.call(budgetsList, losesState(env) ? {} : { only: 'general' }, signal);
    requireKeptState({ env, budgets: budgets.map(({ id }) => id), allowed: true });
    return budgets;
  }

  private apiOf({ urls }: Running): ControlApi {
    const { adminKey } = findHome(this.terminal.env, this.terminal.cwd);
    return new ControlApi(urls.orchestrator, () => readSecret(adminKey));
  }
}
