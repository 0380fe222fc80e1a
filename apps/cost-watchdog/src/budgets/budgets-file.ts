import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  Budget,
  Id,
  invalidRequest,
  Priority,
  PurserError,
  type SpikeRule,
  SpikeRuleInput,
  Thresholds,
  UsdInput,
} from '@purser/contracts';
import { formatUsd, parseUsd } from '@purser/money';
import { z } from 'zod';
import { checkFileId, checkReserve } from './task-scope.js';

/** Injection token of what config/budgets.json says. */
export const BUDGETS_FILE = Symbol('budgets-file');

const DEFAULT_SPIKE_RULES: SpikeRule[] = [
  { percent: 20, windowMinutes: 60, minUsd: '5' },
  // Rests where there is no such source.
  { source: 'aws-costs', percent: 1, windowMinutes: 60, minUsd: '1' },
];

const spikeRules = z.array(SpikeRuleInput).max(10).optional();

/** Who is told by mail, unless the environment says otherwise (ALERT_EMAIL). */
const alertEmail = z.email('an address such as "ops@example.org"').optional();

/** Our own shape: every budget written out. */
export const FullBudgetsFile = z.strictObject({
  $schema: z.string().optional(),
  budgets: z.array(Budget).max(1000),
  spikeRules,
  alert_email: alertEmail,
});

/** The short shape: dollars a month in all and per provider. */
export const MonthlyBudgetsFile = z.strictObject({
  $schema: z.string().optional(),
  monthly_budget: z.record(Id, UsdInput),
  alerts: z
    .strictObject({
      warning_threshold: Thresholds.shape.warning,
      critical_threshold: Thresholds.shape.critical,
      cutoff_threshold: Thresholds.shape.cutoff,
      alert_email: alertEmail,
    })
    .partial()
    .optional(),
  /** At the cutoff: go on with free models (true), or refuse calls that cost (false). */
  fallback_enabled: z.boolean().default(true),
  /** The last part of every one of these budgets, for calls of at least that priority. */
  reserve: z.strictObject({ share: z.number().positive().max(1), min_priority: Priority.min(1) }).optional(),
  spikeRules,
  alert_email: alertEmail,
});

export interface BudgetsFile {
  path: string;
  /** Whether there is such a file; without one nothing is followed. */
  found: boolean;
  budgets: Budget[];
  spikeRules: SpikeRule[];
  /** What DAILY_SPEND_CAP says, in the place of a budget of its id in the file. */
  cap?: Budget | undefined;
  alertEmail?: string | undefined;
}

/** Reads config/budgets.json. A bad file stops the start: the error names the field and what would be right. */
export async function loadBudgetsFile(configDir: string): Promise<BudgetsFile> {
  const path = join(configDir, 'budgets.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') {
      return { path, found: false, budgets: [], spikeRules: DEFAULT_SPIKE_RULES };
    }
    throw new PurserError('invalid_request', { message: `${path} cannot be read: ${(cause as Error).message}`, cause });
  }
  return { path, found: true, ...parseBudgetsFile(text, path) };
}

export function parseBudgetsFile(
  text: string,
  path: string,
): Pick<BudgetsFile, 'budgets' | 'spikeRules' | 'alertEmail'> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new PurserError('invalid_request', { message: `${path} is not JSON: ${(cause as Error).message}`, cause });
  }
  const short = typeof value === 'object' && value !== null && 'monthly_budget' in value;
  const {
    budgets,
    spikeRules,
    alert_email: alertEmail,
  } = short ? fromMonthly(checked(MonthlyBudgetsFile, value, path), path) : checked(FullBudgetsFile, value, path);
  const seen = new Set<string>();
  for (const [index, budget] of budgets.entries()) {
    const { id } = budget;
    checkFileId(id, path, index);
    checkReserve(budget, `${path}: budgets.${index}.reserve`);
    if (seen.has(id))
      throw new PurserError('invalid_request', { message: `${path}: budgets: the id "${id}" is there twice` });
    seen.add(id);
  }
  return {
    budgets: budgets.map((budget) => ({ ...budget, limitUsd: formatUsd(parseUsd(budget.limitUsd)) })),
    spikeRules: spikeRules ?? DEFAULT_SPIKE_RULES,
    ...(alertEmail === undefined ? {} : { alertEmail }),
  };
}

function fromMonthly(
  file: z.output<typeof MonthlyBudgetsFile>,
  path: string,
): Pick<z.output<typeof FullBudgetsFile>, 'budgets' | 'spikeRules' | 'alert_email'> {
  const { warning_threshold, critical_threshold, cutoff_threshold, alert_email } = file.alerts ?? {};
  const thresholds = checked(
    Thresholds,
    { warning: warning_threshold, critical: critical_threshold, cutoff: cutoff_threshold },
    `${path}: alerts`,
  );
  const budgets = Object.entries(file.monthly_budget).map(([name, limitUsd]) =>
    checked(
      Budget,
      {
        id: `monthly-${name}`,
        scope: name === 'total' ? {} : { provider: name },
        period: 'month',
        limitUsd,
        thresholds,
        onExhausted: file.fallback_enabled ? 'free' : 'block',
        ...(file.reserve ? { reserve: { share: file.reserve.share, minPriority: file.reserve.min_priority } } : {}),
      },
      `${path}: monthly_budget.${name}`,
    ),
  );
  return { budgets, spikeRules: file.spikeRules, alert_email: file.alert_email ?? alert_email };
}

function checked<Schema extends z.ZodType>(schema: Schema, value: unknown, what: string): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw invalidRequest(what, parsed.error);
  return parsed.data;
}

/** For editors: what may stand in config/budgets.json. */
export const budgetsFileSchema = (): Record<string, unknown> => ({
  title: 'Budgets of Purser',
  ...z.toJSONSchema(z.union([FullBudgetsFile, MonthlyBudgetsFile]), { io: 'input', reused: 'inline' }),
});
