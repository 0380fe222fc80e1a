import { type ListedPrice, PurserError } from '@purser/contracts';

/** Figures as they are given on the command line, by the field of the row that each is. */
export const FIGURES = {
  input: ['inputPerMillionUsd', 'per million input tokens'],
  cached: ['cachedPerMillionUsd', 'per million input tokens from the cache (the input price)'],
  cacheWrite: ['cacheWritePerMillionUsd', 'per million input tokens written to the cache (the input price)'],
  cacheWriteLong: ['cacheWriteLongPerMillionUsd', 'the same for the longer time'],
  audioInput: ['audioInputPerMillionUsd', 'per million input tokens of audio (the input price)'],
  imageInput: ['imageInputPerMillionUsd', 'per million input tokens of pictures (the input price)'],
  output: ['outputPerMillionUsd', 'per million output tokens'],
  audioOutput: ['audioOutputPerMillionUsd', 'per million output tokens of audio (the output price)'],
  imageOutput: ['imageOutputPerMillionUsd', 'per million output tokens of pictures (the output price)'],
  perMinute: ['perMinuteUsd', 'per minute of audio'],
  perImage: ['perImageUsd', 'per picture made'],
} as const;

export interface SetOptions extends Partial<Record<keyof typeof FIGURES, string>> {
  maxOutput?: number;
  context?: number;
  reasoning?: boolean;
  row?: string;
  source?: string;
  date?: string;
  by?: string;
  reason?: string;
}

const wrong = (message: string, cause?: unknown) => new PurserError('invalid_request', { message, cause });

/** A row is replaced as a whole, so what was not given is taken from the one that is there. */
export function priceRow(
  model: string,
  options: SetOptions,
  known: ListedPrice | undefined,
  today: string,
): Record<string, unknown> {
  const figures = Object.fromEntries(
    Object.entries(FIGURES).flatMap(([option, [field]]) => {
      const value = options[option as keyof typeof FIGURES];
      return value === undefined ? [] : [[field, value]];
    }),
  );
  const facts = {
    ...(options.maxOutput === undefined ? {} : { maxOutputTokens: options.maxOutput }),
    ...(options.context === undefined ? {} : { contextWindow: options.context }),
    ...(options.reasoning === undefined ? {} : { reasoning: options.reasoning }),
  };
  const whole = options.row === undefined ? undefined : readRow(options.row);
  if (!whole && Object.keys(figures).length + Object.keys(facts).length === 0)
    throw wrong(`Say what it costs: purser prices set ${model} --input 1.25 --output 10 (dollars per million tokens)`);
  const origin = { source: options.source ?? 'set by hand', date: options.date ?? today };
  return { ...(whole ?? known?.price), ...figures, ...facts, ...(whole ? { ...origin, ...whole } : origin) };
}

function readRow(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw wrong(`--row is not JSON: ${(cause as Error).message}`, cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong('--row must be a JSON object, as a row of config/prices.json is');
  return value as Record<string, unknown>;
}

/** `openai`, or `azure=my-azure` where the table's name of a provider is not the one in plugins.json. */
export function providersAsked(given: readonly string[] | undefined): Record<string, string> {
  if (!given || given.length === 0)
    throw wrong('Say whose prices to take: --provider openai (and --provider azure=my-azure, where the names differ)');
  return Object.fromEntries(
    given.map((text) => {
      const [theirs = '', ours = theirs] = text.split('=');
      return [theirs, ours];
    }),
  );
}
