import { z } from 'zod';
import { operation } from './contract.js';
import { Instant, Token } from './scalars.js';

const PLACES = /^\d{1,9}(\.\d{1,9})?$/;
const NEEDED = 'dollars such as "0.25", not negative, at most 9 decimal places';

/** Without an exponent; what is below a nano-dollar stays visible, so that it is refused instead of lost. */
const plain = (value: number): string => {
  const fixed = value.toFixed(9);
  return Number(fixed) === value ? fixed.replace(/\.?0+$/, '') : value.toPrecision(17);
};

/** An amount in dollars, exact to nine places: a decimal string or a number. */
const PriceUsd = z
  .union([z.string(), z.number().transform(plain)], { error: NEEDED })
  .refine((text) => PLACES.test(text), NEEDED);

const perMillion = (what: string) => PriceUsd.optional().describe(`Dollars per million ${what}`);

const rates = {
  inputPerMillionUsd: perMillion('input tokens'),
  cachedPerMillionUsd: perMillion('input tokens served from the prompt cache; the input price when left out'),
  cacheWritePerMillionUsd: perMillion('input tokens written to the prompt cache; the input price when left out'),
  cacheWriteLongPerMillionUsd: perMillion(
    'input tokens written to it for the longer time; as cacheWrite when left out',
  ),
  audioInputPerMillionUsd: perMillion('input tokens of audio; the input price when left out'),
  imageInputPerMillionUsd: perMillion('input tokens of pictures; the input price when left out'),
  outputPerMillionUsd: perMillion('output tokens, hidden reasoning included'),
  audioOutputPerMillionUsd: perMillion('output tokens of audio; the output price when left out'),
  imageOutputPerMillionUsd: perMillion('output tokens of pictures; the output price when left out'),
};

const figures = {
  ...rates,
  perMinuteUsd: PriceUsd.optional().describe('Dollars per minute of audio that is listened to'),
  perImageUsd: PriceUsd.optional().describe('Dollars per generated picture'),
  longContext: z
    .strictObject({ aboveInputTokens: z.int().positive(), ...rates })
    .optional()
    .describe('Prices of a whole call with more input tokens than this; what is left out costs as in shorter calls'),
  tiers: z
    .record(Token, z.strictObject({ ...rates, longContext: z.strictObject(rates).optional() }))
    .optional()
    .describe('Prices under other service tiers, by the name that answers give: priority, flex, batch'),
};

interface Figures {
  inputPerMillionUsd?: string | undefined;
  outputPerMillionUsd?: string | undefined;
  perMinuteUsd?: string | undefined;
  perImageUsd?: string | undefined;
}

const paired = ({ inputPerMillionUsd, outputPerMillionUsd }: Figures): boolean =>
  (inputPerMillionUsd === undefined) === (outputPerMillionUsd === undefined);
const PAIRED = 'inputPerMillionUsd and outputPerMillionUsd belong together';
const saysSomething = (one: Figures): boolean =>
  one.inputPerMillionUsd !== undefined || one.perMinuteUsd !== undefined || one.perImageUsd !== undefined;
const SAYS_SOMETHING = 'a price per million tokens (input and output), per minute or per image';

/** What a model costs. */
export const PriceFigures = z.strictObject(figures).refine(paired, PAIRED);
export type PriceFigures = z.output<typeof PriceFigures>;

const facts = {
  contextWindow: z.int().positive().optional().describe('Tokens of input and output together'),
  maxOutputTokens: z.int().positive().optional().describe("The model's own output limit"),
  reasoning: z.boolean().optional().describe('It thinks in hidden tokens that are billed as output'),
};
const origin = {
  source: z.string().min(1).max(500).describe('Where the figures were read, such as a URL'),
  date: z.iso.date().describe('When they were read'),
};

/** A row of the price table. */
export const PriceRow = z
  .strictObject({ ...figures, ...facts, ...origin })
  .refine(paired, PAIRED)
  .refine(saysSomething, SAYS_SOMETHING);
export type PriceRow = z.output<typeof PriceRow>;

/** A provider's name in plugins.json and, after the first slash, the provider's own name of the model. */
export const ModelRef = z
  .string()
  .max(265)
  .regex(/^[A-Za-z0-9_-]{1,64}\/\S{1,200}$/, 'provider/model, such as "openai/gpt-5-mini"');

const changedBy = {
  by: z.string().min(1).max(200).default('unnamed'),
  reason: z.string().max(500).default(''),
};

export const ListedPrice = z.object({
  model: ModelRef,
  /** What ledger entries call it. */
  priceRow: z.string(),
  /** The table that Purser brings, the user's own prices.json, or set while Purser ran. */
  from: z.enum(['installed', 'file', 'set']),
  setBy: z.string().nullable(),
  setAt: Instant.nullable(),
  reason: z.string().nullable(),
  price: PriceRow,
});
export type ListedPrice = z.output<typeof ListedPrice>;

export const pricesList = operation('prices.list', {
  owner: 'model-gateway',
  summary: 'The price table: what each model costs, since when, from which source and who said so.',
  request: z.object({
    provider: Token.optional(),
    /** Part of a model's name. */
    model: z.string().max(200).optional(),
  }),
  reply: z.object({ prices: z.array(ListedPrice), warnings: z.array(z.string()) }),
  http: { method: 'GET', path: '/v1/prices' },
});

export const pricesSet = operation('prices.set', {
  owner: 'model-gateway',
  summary: 'Add a model to the price table, or replace its row; every gateway takes it within two seconds.',
  request: z.strictObject({ model: ModelRef, price: PriceRow, ...changedBy }),
  /** `warnings`: a figure that looks mistyped. It was taken nevertheless. */
  reply: z.object({ price: ListedPrice, warnings: z.array(z.string()) }),
  http: { method: 'POST', path: '/v1/prices' },
});

export const PricesImported = z.object({
  dryRun: z.boolean(),
  added: z.array(z.object({ model: ModelRef, price: PriceRow })),
  changed: z.array(z.object({ model: ModelRef, before: PriceRow, price: PriceRow })),
  unchanged: z.int(),
  /** By reason, with some of the rows. */
  skipped: z.array(z.object({ why: z.string(), rows: z.int(), examples: z.array(z.string()) })),
  warnings: z.array(z.string()),
});
export type PricesImported = z.output<typeof PricesImported>;

export const pricesImport = operation('prices.import', {
  owner: 'model-gateway',
  summary: 'Take prices from the community table model_prices_and_context_window.json, for the providers asked for.',
  request: z.strictObject({
    /** The file as it is. */
    table: z.record(z.string(), z.unknown()),
    /** The table's names of providers, each with its name in plugins.json. */
    providers: z.record(z.string().min(1).max(64), Token),
    dryRun: z.boolean().default(false),
    source: z.string().min(1).max(500).default('model_prices_and_context_window.json'),
    ...changedBy,
  }),
  reply: PricesImported,
  http: { method: 'POST', path: '/v1/prices/import' },
});
