import {
  askBooks,
  type CallOptions,
  type CostReading,
  CostRows,
  type CostSchedule,
  type CostSource,
  everyPage,
  plainDecimal,
  type PluginContext,
  readBooks,
  requireUsd,
  settled,
} from '@purser/plugin-sdk';
import type { OpenAiCostsConfig } from './config.js';
import { AMOUNTS, CostsPage, modelOf } from './costs-page.js';

const BOOKS = 'OpenAI’s organization costs';
const KEYS = 'https://platform.openai.com/settings/organization/admin-keys';
/** A month on a page; OpenAI takes up to 180. */
const DAYS_PER_PAGE = 31;
/** OpenAI does not say when a day's costs are complete; a week later is long after all that was seen. */
const SETTLED_AFTER_DAYS = 7;

const remedy = (status: number): string | undefined => {
  if (status === 401)
    return `Only an admin key (sk-admin-...) reads an organization’s costs, no project’s and no user’s key: make one at ${KEYS}`;
  if (status === 403)
    return `The key lacks the right to read usage (api.usage.read): give it to the key, or make one with all rights, at ${KEYS}`;
  return undefined;
};

type Result = CostsPage['data'][number]['results'][number];

/** What an organization has cost by OpenAI's own books, by day, line item and project. */
export class OpenAiCosts implements CostSource {
  readonly provider: string;
  readonly schedule: CostSchedule;
  private readonly keyEnv: string | undefined;

  constructor(
    private readonly context: PluginContext,
    private readonly config: OpenAiCostsConfig,
    private readonly now: () => Date = () => new Date(),
  ) {
    const { provider, everySeconds, staleAfterSeconds, baseUrl, adminKeyEnv } = config;
    this.provider = provider;
    this.schedule = { everySeconds, staleAfterSeconds: Math.max(everySeconds, staleAfterSeconds) };
    const own = /(^|\.)openai\.com$/.test(new URL(baseUrl).hostname);
    this.keyEnv = adminKeyEnv ?? (own ? 'OPENAI_ADMIN_KEY' : undefined);
  }

  async read(period: { from: Date; to: Date }, { signal }: CallOptions): Promise<CostReading> {
    const key = this.key();
    const rows = new CostRows();
    await everyPage(async (cursor) => {
      const text = await askBooks({
        url: this.url(period, cursor),
        headers: { authorization: `Bearer ${key}` },
        signal,
        secrets: [key],
        books: BOOKS,
        remedy,
      });
      const page = readBooks(CostsPage, text, { amounts: AMOUNTS, books: BOOKS });
      for (const { start_time, results } of page.data) {
        const day = new Date(start_time * 1000);
        if (day < period.from || day >= period.to) continue;
        for (const result of results) this.add(rows, day, result);
      }
      if (page.has_more && !page.next_page) throw new Error(`${BOOKS} have more pages, but do not say where`);
      return page.has_more ? (page.next_page ?? undefined) : undefined;
    });
    return { costs: rows.all(), ownCostUsd: '0' };
  }

  private add(rows: CostRows, day: Date, { amount, line_item, project_id }: Result): void {
    requireUsd(amount.currency.toUpperCase(), BOOKS, 'OpenAI gives no rate to convert by; leave this source out.');
    const service = line_item || 'OpenAI';
    rows.add({
      day,
      key: [line_item, project_id],
      amountUsd: plainDecimal(amount.value),
      service,
      model: modelOf(service),
      project: project_id || undefined,
      finality: settled(day, SETTLED_AFTER_DAYS, this.now()),
    });
  }

  private url(period: { from: Date; to: Date }, cursor: string | undefined): URL {
    const url = new URL(`${this.config.baseUrl.replace(/\/+$/, '')}/organization/costs`);
    const asked: [string, string][] = [
      ['start_time', String(period.from.getTime() / 1000)],
      ['end_time', String(period.to.getTime() / 1000)],
      ['bucket_width', '1d'],
      ['limit', String(DAYS_PER_PAGE)],
      ['group_by[]', 'line_item'],
      ['group_by[]', 'project_id'],
    ];
    for (const [name, value] of asked) url.searchParams.append(name, value);
    if (cursor !== undefined) url.searchParams.set('page', cursor);
    return url;
  }

  /** Read at every reading: it may be rotated. */
  private key(): string {
    if (this.keyEnv === undefined)
      throw new Error(
        `${this.config.baseUrl} is not OpenAI’s: name the environment variable of its admin key as "adminKeyEnv" in config/plugins.json`,
      );
    const key = this.context.secret(this.keyEnv);
    if (key === undefined || key === '')
      throw new Error(`${this.keyEnv} is not set; make an admin key for OpenAI’s organization costs at ${KEYS}`);
    return key;
  }
}
