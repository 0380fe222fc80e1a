import { ModelRef, PriceRow, type PricesImported } from '@purser/contracts';
import { formatUsd, type Nano, perMillionFromPerToken } from '@purser/money';

interface Taken {
  model: string;
  price: PriceRow;
}

type Row = Readonly<Record<string, unknown>>;
type Rates = Partial<Record<keyof typeof KEYS | 'cacheWriteLongPerMillionUsd', string>>;

/** The table's keys, in dollars per token, without what they may end in: `_above_272k_tokens`, `_priority`. */
const KEYS = {
  inputPerMillionUsd: 'input_cost_per_token',
  cachedPerMillionUsd: 'cache_read_input_token_cost',
  cacheWritePerMillionUsd: 'cache_creation_input_token_cost',
  audioInputPerMillionUsd: 'input_cost_per_audio_token',
  imageInputPerMillionUsd: 'input_cost_per_image_token',
  outputPerMillionUsd: 'output_cost_per_token',
  audioOutputPerMillionUsd: 'output_cost_per_audio_token',
  imageOutputPerMillionUsd: 'output_cost_per_image_token',
} as const;

/** How the table calls service tiers, and how answers do. */
const TIERS = { priority: '_priority', flex: '_flex', batch: '_batches' } as const;

/** What can be asked for at the gateway. */
const MODES = new Set(['chat', 'completion', 'responses', 'embedding', 'audio_transcription', 'image_generation']);

const LONG = /^(?:input|output)_cost_per_token_above_(\d+)k_tokens/;
const MOST_EXAMPLES = 5;

/** Why a row cannot be taken; not an error of the import. */
class Skip extends Error {}

/**
 * Rows of `model_prices_and_context_window.json` for the providers asked for (the table's name -> the name here). Rows that
 * make no sense, or whose price has a shape of which a call's cost cannot be told, are left out with the reason.
 */
export function readCommunityTable(
  table: Readonly<Record<string, unknown>>,
  providers: Readonly<Record<string, string>>,
  origin: { source: string; date: string },
): { taken: Taken[]; skipped: PricesImported['skipped'] } {
  const taken = new Map<string, Taken>();
  const skipped = new Map<string, string[]>();
  for (const [name, value] of Object.entries(table)) {
    try {
      const one = readRow(name, value, providers, origin);
      if (taken.has(one.model)) throw new Skip('another row is of the same model');
      taken.set(one.model, one);
    } catch (error) {
      if (!(error instanceof Skip)) throw error;
      skipped.set(error.message, [...(skipped.get(error.message) ?? []), name]);
    }
  }
  return {
    taken: [...taken.values()],
    skipped: [...skipped].map(([why, rows]) => ({ why, rows: rows.length, examples: rows.slice(0, MOST_EXAMPLES) })),
  };
}

function readRow(
  name: string,
  value: unknown,
  providers: Readonly<Record<string, string>>,
  origin: { source: string; date: string },
): Taken {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Skip('not a row');
  const row = value as Row;
  const theirs = row.litellm_provider;
  const provider = typeof theirs === 'string' && Object.hasOwn(providers, theirs) ? providers[theirs] : undefined;
  if (typeof theirs !== 'string' || provider === undefined) throw new Skip('of a provider that was not asked for');
  const mode = typeof row.mode === 'string' ? row.mode : 'chat';
  if (!MODES.has(mode)) throw new Skip(`a model for ${mode}`);
  const ref = ModelRef.safeParse(`${provider}/${name.startsWith(`${theirs}/`) ? name.slice(theirs.length + 1) : name}`);
  if (!ref.success) throw new Skip('its name cannot be one of a model');
  const price = PriceRow.safeParse({
    ...figures(row),
    ...facts(row),
    ...origin,
    ...(typeof row.source === 'string' && row.source !== '' ? { source: row.source.slice(0, 500) } : {}),
  });
  if (!price.success) throw new Skip('no price per token, minute or image that can be used');
  return { model: ref.data, price: price.data };
}

function figures(row: Row): Partial<PriceRow> {
  const standard = rates(row, '');
  const longContext = long(row);
  const tiers = Object.fromEntries(
    Object.entries(TIERS).flatMap(([tier, ending]) => {
      const own = rates(row, ending);
      if (Object.keys(own).length === 0) return [];
      const ofLong = longContext ? rates(row, `_above_${longContext.aboveInputTokens / 1_000}k_tokens${ending}`) : {};
      return [[tier, { ...own, ...(Object.keys(ofLong).length > 0 ? { longContext: ofLong } : {}) }]];
    }),
  );
  const ofMedia = media(row);
  const noOutput = standard.inputPerMillionUsd !== undefined && standard.outputPerMillionUsd === undefined;
  const all = {
    ...standard,
    ...(noOutput ? { outputPerMillionUsd: outputWithoutPrice(row, standard, ofMedia) } : {}),
    ...ofMedia,
    ...(longContext ? { longContext } : {}),
    ...(Object.keys(tiers).length > 0 ? { tiers } : {}),
  };
  const amounts = [all.inputPerMillionUsd, all.outputPerMillionUsd, all.perMinuteUsd, all.perImageUsd];
  if (amounts.every((amount) => amount === undefined || Number(amount) === 0))
    throw new Skip('a price of zero, or none: set it by hand if it is free');
  return all;
}

/**
 * What output costs of which the row says nothing. Models for embeddings write nothing, transcriptions may be billed by what
 * is heard, and pictures by the piece or by tokens of their own, which then count for all output.
 */
function outputWithoutPrice({ mode }: Row, standard: Rates, { perImageUsd }: ReturnType<typeof media>): string {
  if (mode === 'embedding' || mode === 'audio_transcription') return '0';
  const { imageOutputPerMillionUsd: drawn = '0' } = standard;
  if (mode === 'image_generation' && (Number(drawn) > 0 || Number(perImageUsd ?? 0) > 0)) return drawn;
  throw new Skip('no price of output');
}

function rates(row: Row, ending: string): Rates {
  const found: Rates = {};
  for (const [ours, theirs] of Object.entries(KEYS) as [keyof typeof KEYS, string][]) {
    const amount = perMillion(row[theirs + ending]);
    if (amount !== undefined) found[ours] = text(amount);
  }
  const anHour = perMillion(row[`cache_creation_input_token_cost_above_1hr${ending}`]);
  if (anHour !== undefined) found.cacheWriteLongPerMillionUsd = text(anHour);
  const reasoning = perMillion(row[`output_cost_per_reasoning_token${ending}`]);
  const output = perMillion(row[KEYS.outputPerMillionUsd + ending]);
  // Hidden reasoning is part of the output here, so the dearer of the two counts for both.
  if (reasoning !== undefined && output !== undefined && reasoning > output)
    found.outputPerMillionUsd = text(reasoning);
  return found;
}

function long(row: Row): (Rates & { aboveInputTokens: number }) | undefined {
  const thresholds = new Set(Object.keys(row).flatMap((key) => LONG.exec(key)?.[1] ?? []));
  if (thresholds.size > 1) throw new Skip('several prices for several lengths');
  const [thousands] = thresholds;
  if (thousands === undefined) return undefined;
  return { aboveInputTokens: Number(thousands) * 1_000, ...rates(row, `_above_${thousands}k_tokens`) };
}

function media(row: Row): { perMinuteUsd?: string; perImageUsd?: string } {
  const second = largest(row.input_cost_per_second, row.output_cost_per_second);
  const image = largest(
    row.output_cost_per_image,
    row.mode === 'image_generation' ? row.input_cost_per_image : undefined,
  );
  const inNano = (scaled: Nano) => (scaled + 999_999n) / 1_000_000n;
  return {
    ...(second === undefined ? {} : { perMinuteUsd: text(inNano(second * 60n)) }),
    ...(image === undefined ? {} : { perImageUsd: text(inNano(image)) }),
  };
}

function largest(...values: unknown[]): Nano | undefined {
  const found = values.map(perMillion).filter((value) => value !== undefined);
  return found.length === 0 ? undefined : found.reduce((a, b) => (a > b ? a : b));
}

function perMillion(value: unknown): Nano | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' && typeof value !== 'string') throw new Skip('a price that is not a number');
  try {
    return perMillionFromPerToken(value);
  } catch {
    throw new Skip('a price that is not a number, or is negative');
  }
}

const text = (nano: Nano): string => formatUsd(nano).replace(/\.?0+$/, '');

function facts(row: Row): Pick<PriceRow, 'contextWindow' | 'maxOutputTokens' | 'reasoning'> {
  const whole = (value: unknown) =>
    Number.isSafeInteger(value) && (value as number) > 0 ? (value as number) : undefined;
  const contextWindow = whole(row.max_input_tokens);
  const maxOutputTokens = whole(row.max_output_tokens);
  return {
    ...(contextWindow === undefined ? {} : { contextWindow }),
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
    ...(row.supports_reasoning === true ? { reasoning: true } : {}),
  };
}
