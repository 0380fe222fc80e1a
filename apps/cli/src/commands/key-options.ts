import type { keysUpdate, RequestInput } from '@purser/contracts';
import { type Command, InvalidArgumentError } from 'commander';
import { collect, wholeNumber } from './command.js';

/** What a key may do, as the command line has it. */
export interface RuleOptions {
  project?: string;
  priority?: number;
  paidOnly?: boolean;
  capability?: string[];
  model?: string[];
  requestsPerMinute?: number | 'none';
  tokensPerMinute?: number | 'none';
  expires?: Ends;
}

type Ends = Pick<RequestInput<typeof keysUpdate>, 'expiresAt' | 'ttlMs'>;
export type Rules = Omit<RequestInput<typeof keysUpdate>, 'id' | 'name'>;

const UNITS_MS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

function parseEnd(text: string): Ends {
  if (text === 'never') return { expiresAt: null };
  const [, amount, unit = ''] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  if (amount !== undefined && Number(amount) > 0) return { ttlMs: Number(amount) * (UNITS_MS[unit] ?? 0) };
  if (/^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(Date.parse(text))) return { expiresAt: text };
  throw new InvalidArgumentError(
    'It must be a time from now such as 30d, 12h or 90m, an instant such as 2027-01-01T00:00:00Z, or never.',
  );
}

function perMinute(text: string): number | 'none' {
  if (text === 'none') return text;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('It must be a whole number above zero, or none.');
  return value;
}

export const withRules = (command: Command): Command =>
  command
    .option('--project <name>', 'what it spends counts for this project; none')
    .option(
      '--priority <0-9>',
      'how important its calls are: what budgets reserve is for the higher ones (5)',
      wholeNumber,
    )
    .option('--paid-only', 'its calls are refused where a free model would answer')
    .option('--no-paid-only', 'free models are for it too')
    .option('--capability <name>', 'may ask for this capability; repeat it for more; any', collect)
    .option(
      '--model <pattern>',
      'may use this model, such as openai/gpt-5-mini or ollama/*; repeat it for more; any',
      collect,
    )
    .option('--requests-per-minute <count>', 'over all gateways together; none', perMinute)
    .option('--tokens-per-minute <count>', 'input and output, over all gateways together; none', perMinute)
    .option('--expires <when>', 'such as 30d, 12h, 2027-01-01T00:00:00Z; never', parseEnd);

/** `any` among them takes the restriction away. */
const listOf = (given: string[] | undefined): string[] | null | undefined => (given?.includes('any') ? null : given);
const orNull = <T>(given: T | 'none' | undefined): T | null | undefined => (given === 'none' ? null : given);

/** What was given; null where a restriction is to go. */
export function rulesIn({
  project,
  priority,
  paidOnly,
  capability,
  model,
  requestsPerMinute,
  tokensPerMinute,
  expires,
}: RuleOptions): Rules {
  const rules = {
    project: orNull(project),
    priority,
    paidOnly,
    capabilities: listOf(capability),
    models: listOf(model),
    requestsPerMinute: orNull(requestsPerMinute),
    tokensPerMinute: orNull(tokensPerMinute),
  };
  return { ...Object.fromEntries(Object.entries(rules).filter(([, value]) => value !== undefined)), ...expires };
}
