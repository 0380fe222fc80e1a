import { PriceFigures, Token } from '@purser/contracts';
import { parsePrice, priceFromCostPer1k } from '@purser/money';
import { TOKENIZERS } from '@purser/plugin-sdk';
import { z } from 'zod';
import { readConfigFile, withoutSchema } from '../config-file.js';
import { FreeQuota } from '../quotas/free-quota.js';
import { StrategySetting } from './strategies.js';

const readable = (parse: (value: string | number) => unknown) => (value: string | number) => {
  try {
    parse(value);
    return true;
  } catch {
    return false;
  }
};

const amount = z
  .union([z.string(), z.number()], { error: 'dollars such as "0.25"' })
  .refine(readable(parsePrice), 'dollars such as "0.25", not negative, at most 9 decimal places');
const amountPer1k = z
  .union([z.string(), z.number()], { error: 'dollars per 1,000 tokens such as 0.01' })
  .refine(
    readable(priceFromCostPer1k),
    'dollars per 1,000 tokens such as 0.01, not negative, at most 12 decimal places',
  );

const remark = z
  .union([z.string(), z.number(), z.array(z.string()), z.null()], { error: 'a text, a number or a list of texts' })
  .optional();

export const TierSpec = z
  .strictObject({
    provider: Token.describe('Name of a provider in plugins.json'),
    model: z.string().min(1).max(200).describe("The provider's own name of it"),
    cost_per_1k_tokens: amountPer1k.optional().describe('Dollars per 1,000 tokens, input and output alike'),
    cost_per_minute: amount.optional(),
    cost_per_image: amount.optional(),
    price: PriceFigures.optional().describe('Exact prices; win over cost_per_1k_tokens, and over the price table'),
    maxOutputTokens: z.number().int().positive().optional().describe("The model's own output limit"),
    reasoning: z.boolean().optional().describe('It thinks in hidden tokens that are billed as output'),
    tokenizer: z
      .enum(TOKENIZERS)
      .optional()
      .describe("The model's tokenizer: small budgets then hold by its count. Only where it is certain"),
    freeQuota: FreeQuota.optional().describe('What it serves for nothing; beyond that it is paid, or passed over'),
    quality: remark,
    limitations: remark,
  })
  .describe('One rung of a ladder');
export type TierSpec = z.output<typeof TierSpec>;

const name = (what: string) => z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, what);

const Ladder = z
  .record(name('a tier such as "tier_1_paid" or "tier_3_free"'), TierSpec)
  .refine(
    (tiers) => Object.keys(tiers).length > 0,
    'at least one tier, such as "tier_1_paid": {"provider": ..., "model": ...}',
  );

function withoutSettings(value: unknown): unknown {
  const entries = withoutSchema(value);
  if (typeof entries !== 'object' || entries === null || !('$strategy' in entries)) return entries;
  const { $strategy: _, ...ladders } = entries;
  return ladders;
}

/** `config/models.json`: capability -> tier -> what it is. */
export const ModelsFile = z.preprocess(
  withoutSettings,
  z.record(name('a capability such as "code_generation"'), Ladder),
);
export type ModelsFile = Record<string, Record<string, TierSpec>>;

/** Reads the file, or undefined when there is none. A file that cannot be used names its field. */
export const readModelsFile = (file: string): Promise<ModelsFile | undefined> => readConfigFile(file, ModelsFile);

const Settings = z.object({ $strategy: StrategySetting.optional() });

/** The file's `$strategy`; undefined when it has none. */
export async function readStrategySetting(file: string): Promise<StrategySetting | undefined> {
  return (await readConfigFile(file, Settings))?.$strategy;
}
