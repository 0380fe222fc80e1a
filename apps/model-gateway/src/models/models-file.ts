import { readFile } from 'node:fs/promises';
import { invalidRequest, PurserError, Token } from '@purser/contracts';
import { parsePrice, priceFromCostPer1k } from '@purser/money';
import { z } from 'zod';

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

export const TierPrice = z
  .strictObject({
    inputPerMillionUsd: amount.optional(),
    cachedPerMillionUsd: amount
      .optional()
      .describe('Input tokens served from the prompt cache; the input price when left out'),
    outputPerMillionUsd: amount.optional(),
    perMinuteUsd: amount.optional().describe('Audio'),
    perImageUsd: amount.optional(),
  })
  .refine(
    (price) => (price.inputPerMillionUsd === undefined) === (price.outputPerMillionUsd === undefined),
    'inputPerMillionUsd and outputPerMillionUsd belong together',
  );

export const TierSpec = z
  .strictObject({
    provider: Token.describe('Name of a provider in plugins.json'),
    model: z.string().min(1).max(200).describe("The provider's own name of it"),
    cost_per_1k_tokens: amountPer1k.optional().describe('Dollars per 1,000 tokens, input and output alike'),
    cost_per_minute: amount.optional(),
    cost_per_image: amount.optional(),
    price: TierPrice.optional().describe('Exact prices; win over cost_per_1k_tokens'),
    maxOutputTokens: z.number().int().positive().optional().describe("The model's own output limit"),
    reasoning: z.boolean().optional().describe('It thinks in hidden tokens that are billed as output'),
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

/** `config/models.json`: capability -> tier -> what it is. */
export const ModelsFile = z.preprocess(
  (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    const { $schema: _, ...ladders } = value as Record<string, unknown>;
    return ladders;
  },
  z.record(name('a capability such as "code_generation"'), Ladder),
);
export type ModelsFile = Record<string, Record<string, TierSpec>>;

/** Reads the file, or undefined when there is none. A file that cannot be used names its field. */
export async function readModelsFile(file: string): Promise<ModelsFile | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new PurserError('invalid_request', { message: `${file}: ${(cause as Error).message}`, cause });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new PurserError('invalid_request', { message: `${file} is not JSON: ${(cause as Error).message}`, cause });
  }
  const parsed = ModelsFile.safeParse(json);
  if (!parsed.success) throw invalidRequest(file, parsed.error);
  return parsed.data;
}
