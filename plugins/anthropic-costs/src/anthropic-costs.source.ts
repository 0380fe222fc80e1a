import {
  askBooks,
  type CallOptions,
  type CostReading,
  CostRows,
  type CostSchedule,
  type CostSource,
  everyPage,
  type PluginContext,
  readBooks,
  requireUsd,
  settled,
} from '@purser/plugin-sdk';
import type { AnthropicCostsConfig } from './config.js';
import { AMOUNTS, CostReport, dollarsOfCents } from './cost-report.js';

const BOOKS = 'Anthropic’s reported costs';
const KEYS = 'https://platform.claude.com/settings/admin-keys';
/** The most that Anthropic puts on a page. */
const DAYS_PER_PAGE = 31;
/** Anthropic does not say when a day's costs are complete; a week later is long after all that was seen. */
const SETTLED_AFTER_DAYS = 7;
const DAY_MS = 86_400_000;

const remedy = (status: number): string | undefined =>
  status === 401 || status === 403 || status === 404
    ? `Only an admin key (sk-ant-admin...) reads it, no ordinary API key; an admin of the organization makes one at ${KEYS} (accounts of one person without an organization have none)`
    : undefined;

type Result = CostReport['data'][number]['results'][number];

/** What an organization has cost by Anthropic's own books, by day, description and workspace. */
export class AnthropicCosts implements CostSource {
  readonly provider: string;
  readonly schedule: CostSchedule;
  private readonly keyEnv: string | undefined;

  constructor(
    private readonly context: PluginContext,
    private readonly config: AnthropicCostsConfig,
    private readonly now: () => Date = () => new Date(),
  ) {
    const { provider, everySeconds, staleAfterSeconds, baseUrl, adminKeyEnv } = config;
    this.provider = provider;
    this.schedule = { everySeconds, staleAfterSeconds: Math.max(everySeconds, staleAfterSeconds) };
    const own = /(^|\.)anthropic\.com$/.test(new URL(baseUrl).hostname);
    this.keyEnv = adminKeyEnv ?? (own ? 'ANTHROPIC_ADMIN_KEY' : undefined);
  }

  async read(period: { from: Date; to: Date }, { signal }: CallOptions): Promise<CostReading> {
    const key = this.key();
    const rows = new CostRows();
    await everyPage(async (cursor) => {
      const text = await askBooks({
        url: this.url(period, cursor),
        headers: { 'x-api-key': key, 'anthropic-version': '2023-06-01' },
        signal,
        secrets: [key],
        books: BOOKS,
        remedy,
      });
      const page = readBooks(CostReport, text, { amounts: AMOUNTS, books: BOOKS });
      for (const { starting_at, results } of page.data) {
        const day = new Date(starting_at);
        if (day < period.from || day >= period.to) continue;
        for (const result of results) this.add(rows, day, result);
      }
      if (page.has_more && !page.next_page) throw new Error(`${BOOKS} have more pages, but do not say where`);
      return page.has_more ? (page.next_page ?? undefined) : undefined;
    });
    return { costs: rows.all(), ownCostUsd: '0' };
  }

  private add(rows: CostRows, day: Date, { amount, currency, description, model, workspace_id }: Result): void {
    requireUsd(currency, BOOKS, 'Anthropic gives no rate to convert by; leave this source out.');
    rows.add({
      day,
      key: [description, workspace_id],
      amountUsd: dollarsOfCents(amount),
      service: description || 'Anthropic',
      model: model || undefined,
      project: workspace_id || undefined,
      finality: settled(day, SETTLED_AFTER_DAYS, this.now()),
    });
  }

  private url(period: { from: Date; to: Date }, cursor: string | undefined): URL {
    const url = new URL(`${this.config.baseUrl.replace(/\/+$/, '')}/v1/organizations/cost_report`);
    // It answers with the days that end before `ending_at`. Whether one that ends just then is among them is not said, so a
    // day more is asked for, and left out of what is read.
    const end = new Date(period.to.getTime() + DAY_MS);
    const asked: [string, string][] = [
      ['starting_at', period.from.toISOString()],
      ['ending_at', end.toISOString()],
      ['bucket_width', '1d'],
      ['limit', String(DAYS_PER_PAGE)],
      ['group_by[]', 'description'],
      ['group_by[]', 'workspace_id'],
    ];
    for (const [name, value] of asked) url.searchParams.append(name, value);
    if (cursor !== undefined) url.searchParams.set('page', cursor);
    return url;
  }

  /** Read at every reading: it may be rotated. */
  private key(): string {
    if (this.keyEnv === undefined)
      throw new Error(
        `${this.config.baseUrl} is not Anthropic’s: name the environment variable of its admin key as "adminKeyEnv" in config/plugins.json`,
      );
    const key = this.context.secret(this.keyEnv);
    if (key === undefined || key === '')
      throw new Error(`${this.keyEnv} is not set; an admin of the organization makes an admin key at ${KEYS}`);
    return key;
  }
}
