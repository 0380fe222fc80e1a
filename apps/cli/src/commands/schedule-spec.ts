import { PurserError, type ScheduleSpecInput } from '@purser/contracts';
import { type Command, InvalidArgumentError } from 'commander';
import { collect, positiveNumber, wholeNumber } from './command.js';
import { type SubmitOptions, taskSpec } from './task-spec.js';

export interface ScheduleOptions extends SubmitOptions {
  file?: string;
  cron?: string;
  timezone?: string;
  every?: number;
  at?: string;
  overlap?: string;
  catchUp?: string;
  catchUpLimit?: number;
  grace?: number;
  jitter?: number;
  deadlineAfter?: number;
}

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** Seconds of `90s`, `30m`, `4h` or `1d`. */
export function duration(text: string): number {
  const [, amount, unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  if (amount === undefined) throw new InvalidArgumentError('It must be a time such as 90s, 30m, 4h or 1d.');
  return Number(amount) * (UNITS[unit] ?? 1);
}

/** The schedule that a command line describes. */
export function scheduleSpec(id: string, options: ScheduleOptions, argv: string[]): ScheduleSpecInput {
  const { overlap, catchUp } = options;
  const given = {
    cron: options.cron,
    timezone: options.timezone,
    everySeconds: options.every,
    at: options.at,
    overlap: oneOf('--overlap', overlap, ['skip', 'queue', 'cancel'] as const),
    catchUp: oneOf('--catch-up', catchUp, ['none', 'last', 'all'] as const),
    catchUpLimit: options.catchUpLimit,
    graceSeconds: options.grace,
    jitterSeconds: options.jitter,
    deadlineSeconds: options.deadlineAfter,
  };
  const task = taskSpec({ ...options, id: undefined, notBefore: undefined, deadline: undefined }, argv);
  return {
    id,
    task,
    ...(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as object),
  };
}

function oneOf<T extends string>(option: string, given: string | undefined, known: readonly T[]): T | undefined {
  if (given === undefined || (known as readonly string[]).includes(given)) return given as T | undefined;
  throw new PurserError('invalid_request', { message: `${option} must be ${known.join(', ')}; it is "${given}".` });
}

export const withScheduleOptions = (command: Command): Command =>
  command
    .option('--cron <pattern>', 'minute, hour, day of month, month, day of week; or @daily and the like')
    .option('--timezone <zone>', 'what the pattern is read in, such as Europe/Berlin (UTC)')
    .option('--every <time>', 'such as 90s, 30m, 4h or 1d, counted from now', duration)
    .option('--at <time>', 'once, such as 2026-12-01T22:00:00Z')
    .option('--overlap <rule>', 'while a task of it is not done: skip, queue or cancel it (skip)')
    .option('--catch-up <rule>', 'of what passed while nothing ran: none, last or all (last)')
    .option('--catch-up-limit <n>', 'of all, the newest so many (100)', wholeNumber)
    .option('--grace <time>', 'with --catch-up none, how late still counts as on time (60s)', duration)
    .option('--jitter <time>', 'each task starts up to so much later (0s)', duration)
    .option('--deadline-after <time>', 'each task fails that is not done so long after its time', duration)
    .option('--executor <name>', 'the plugin that does the work', 'command')
    .option('--input <json>', 'what the executor is to do, when it is not a program to run')
    .option('--cwd <folder>', 'where the program runs (default: a workspace of the task)')
    .option('--env <name=value>', 'for the program; may be repeated', collect)
    .option('--budget <usd>', 'hard limit of each task over all its sessions, such as 1.50')
    .option('--priority <0-9>', '9 goes first (5)', wholeNumber)
    .option('--label <label>', 'may be repeated', collect)
    .option('--project <name>', 'whose budget counts')
    .option('--tokens <n>', 'limit per session', wholeNumber)
    .option('--requests <n>', 'limit per session', wholeNumber)
    .option('--seconds <n>', 'limit per session', positiveNumber)
    .option('--memory-mb <n>', 'limit per session', positiveNumber)
    .option('--max-sessions <n>', 'how many sessions each task may take (100)', wholeNumber)
    .option('--retries <n>', 'how often a failed session is tried again (0)', wholeNumber)
    .option('--file <path>', 'the whole schedule as JSON; - reads standard input');
