/** A demo model's prices, in dollars per million tokens. */
export interface ModelPrices {
  inputPerMillionUsd: string | number;
  outputPerMillionUsd: string | number;
  /** The input price when left out. */
  cachedPerMillionUsd?: string | number;
  /** The input price when left out, as is the price of the longer time. */
  cacheWritePerMillionUsd?: string | number;
  cacheWriteLongPerMillionUsd?: string | number;
  /** For each picture. */
  perImageUsd?: string | number;
  /** Of audio that is listened to. */
  perMinuteUsd?: string | number;
}

/** What a call comes to; the cache's tokens are part of the input's. */
export interface Billed {
  inputTokens: number;
  cachedTokens: number;
  cacheWriteTokens?: number;
  cacheWriteLongTokens?: number;
  outputTokens: number;
  images?: number;
  audioSeconds?: number;
}

export interface CallRecord {
  readonly id: number;
  readonly api: 'openai' | 'responses' | 'anthropic' | 'ollama' | 'huggingface' | 'google-speech';
  /** Undefined for chat. */
  readonly operation?: 'embeddings' | 'images' | 'transcriptions';
  readonly model: string;
  readonly streaming: boolean;
  /** The body as it came; of a form its fields, without files. */
  readonly request: Readonly<Record<string, unknown>>;
  readonly outputLimit: number | undefined;
  /** `cancelled`: the client went away. `failed`: this server broke off. `refused`: answered with an error, not billed. */
  state: 'running' | 'completed' | 'cancelled' | 'failed' | 'refused';
  status: number;
  inputTokens: number;
  cachedTokens: number;
  cacheWriteTokens: number;
  cacheWriteLongTokens: number;
  outputTokens: number;
  images?: number;
  audioSeconds?: number;
  /** Nano-dollars. */
  billedNano: bigint;
}

export interface Counters {
  calls: number;
  running: number;
  completed: number;
  cancelled: number;
  failed: number;
  refused: number;
  inputTokens: number;
  outputTokens: number;
  billedNano: bigint;
}

interface Rates {
  input: bigint;
  cached: bigint;
  write: bigint;
  writeLong: bigint;
  output: bigint;
  image: bigint;
  minute: bigint;
}

/**
 * Nano-dollars for what the price is for: a million tokens, a picture or a minute. Written again here instead of taken from Purser's own library: a test that compares
 * the ledger with this bill would not notice a mistake that both share.
 */
function rate(usd: string | number): bigint {
  const match = /^(\d+)(?:\.(\d{1,9}))?$/.exec(typeof usd === 'number' ? String(usd) : usd);
  if (!match) throw new RangeError(`"${usd}" is not a price in dollars, such as "2.50"`);
  return BigInt(match[1] ?? '0') * 1_000_000_000n + BigInt((match[2] ?? '').padEnd(9, '0'));
}

const emptyCounters = (): Counters => ({
  calls: 0,
  running: 0,
  completed: 0,
  cancelled: 0,
  failed: 0,
  refused: 0,
  inputTokens: 0,
  outputTokens: 0,
  billedNano: 0n,
});

/** Older records are dropped beyond this; the counters stay complete. */
const maxRecords = 10_000;

/** What this server bills, counted at its own end of the wire. */
export class Bill {
  readonly calls: CallRecord[] = [];
  readonly counters = emptyCounters();
  private readonly rates = new Map<string, Rates>();
  private readonly perModel = new Map<string, Counters>();
  private lastId = 0;

  constructor(models: Readonly<Record<string, ModelPrices>>) {
    for (const [name, prices] of Object.entries(models)) {
      const input = rate(prices.inputPerMillionUsd);
      const orInput = (usd: string | number | undefined) => (usd === undefined ? input : rate(usd));
      this.rates.set(name, {
        input,
        cached: orInput(prices.cachedPerMillionUsd),
        write: orInput(prices.cacheWritePerMillionUsd),
        writeLong: orInput(prices.cacheWriteLongPerMillionUsd),
        output: rate(prices.outputPerMillionUsd),
        image: rate(prices.perImageUsd ?? 0),
        minute: rate(prices.perMinuteUsd ?? 0),
      });
      this.perModel.set(name, emptyCounters());
    }
  }

  get models(): string[] {
    return [...this.rates.keys()];
  }

  /** Whether this model's calls cost by the length of a recording. */
  billsByTime(model: string): boolean {
    return (this.rates.get(model)?.minute ?? 0n) > 0n;
  }

  billsByImage(model: string): boolean {
    return (this.rates.get(model)?.image ?? 0n) > 0n;
  }

  countersOf(model: string): Readonly<Counters> {
    return this.perModel.get(model) ?? emptyCounters();
  }

  open(call: Pick<CallRecord, 'api' | 'operation' | 'model' | 'streaming' | 'request' | 'outputLimit'>): CallRecord {
    this.lastId += 1;
    const record: CallRecord = {
      ...call,
      id: this.lastId,
      state: 'running',
      status: 200,
      inputTokens: 0,
      cachedTokens: 0,
      cacheWriteTokens: 0,
      cacheWriteLongTokens: 0,
      outputTokens: 0,
      billedNano: 0n,
    };
    this.calls.push(record);
    if (this.calls.length > maxRecords) this.calls.shift();
    for (const counters of this.countersFor(call.model)) {
      counters.calls += 1;
      counters.running += 1;
    }
    return record;
  }

  /** Ends a call; `usage` is what is billed for it. */
  close(record: CallRecord, state: Exclude<CallRecord['state'], 'running'>, usage: Billed): void {
    if (record.state !== 'running') return;
    Object.assign(record, usage, { state, billedNano: this.cost(record.model, usage) });
    for (const counters of this.countersFor(record.model)) {
      counters.running -= 1;
      counters[state] += 1;
      counters.inputTokens += record.inputTokens;
      counters.outputTokens += record.outputTokens;
      counters.billedNano += record.billedNano;
    }
  }

  private cost(model: string, usage: Billed): bigint {
    const rates = this.rates.get(model);
    if (!rates) return 0n;
    const { inputTokens, cachedTokens, cacheWriteTokens = 0, cacheWriteLongTokens = 0, outputTokens } = usage;
    const exact =
      BigInt(inputTokens - cachedTokens - cacheWriteTokens - cacheWriteLongTokens) * rates.input +
      BigInt(cachedTokens) * rates.cached +
      BigInt(cacheWriteTokens) * rates.write +
      BigInt(cacheWriteLongTokens) * rates.writeLong +
      BigInt(outputTokens) * rates.output +
      BigInt(usage.images ?? 0) * rates.image * 1_000_000n +
      (BigInt(Math.round((usage.audioSeconds ?? 0) * 1000)) * rates.minute * 1_000_000n) / 60_000n;
    return (exact + 999_999n) / 1_000_000n;
  }

  private countersFor(model: string): Counters[] {
    const own = this.perModel.get(model);
    return own ? [this.counters, own] : [this.counters];
  }
}
