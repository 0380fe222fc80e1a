import {
  type CallOptions,
  conceal,
  type CostReading,
  CostRows,
  type CostSchedule,
  type CostSource,
  daysOf,
  patiently,
  plainDecimal,
  type PluginContext,
  readBooks,
  settled,
  TryAgain,
} from '@purser/plugin-sdk';
import { Octokit } from 'octokit';
import type { GithubBillingConfig } from './config.js';
import { refusal } from './refusal.js';
import { AMOUNTS, serviceOf, type UsageItem, UsageReport } from './usage-report.js';

const BOOKS = 'GitHub’s billing';
/** GitHub does not say when a day's usage is complete; a week later is long after all that was seen. */
const SETTLED_AFTER_DAYS = 7;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/** What an organization or a user pays GitHub, by day, product, SKU and repository. */
export class GithubBilling implements CostSource {
  readonly provider: string;
  readonly schedule: CostSchedule;
  private readonly names: readonly string[];

  constructor(
    private readonly context: PluginContext,
    private readonly config: GithubBillingConfig,
    private readonly now: () => Date = () => new Date(),
  ) {
    const { provider, everySeconds, staleAfterSeconds, baseUrl, tokenEnv } = config;
    this.provider = provider;
    this.schedule = { everySeconds, staleAfterSeconds: Math.max(everySeconds, staleAfterSeconds) };
    const own = /(^|\.)(github\.com|ghe\.com)$/.test(new URL(baseUrl).hostname);
    if (tokenEnv === undefined) this.names = own ? ['GITHUB_BILLING_TOKEN', 'GITHUB_TOKEN'] : [];
    else this.names = [tokenEnv];
  }

  /** A request for each day: of a longer time GitHub does not say how finely its answer is divided. */
  async read(period: { from: Date; to: Date }, { signal }: CallOptions): Promise<CostReading> {
    const token = this.token();
    // Limits and failures are minded here, where a waiting call can be given up.
    const octokit = new Octokit({
      auth: token,
      baseUrl: this.config.baseUrl.replace(/\/+$/, ''),
      userAgent: 'purser',
      throttle: { enabled: false },
      retry: { enabled: false },
      log: quiet,
    });
    const rows = new CostRows();
    const now = this.now();
    for (const day of daysOf(period)) {
      if (day > now) break;
      const text = await patiently((attempt) => this.usageOf(octokit, day, token, attempt), signal);
      const { usageItems } = readBooks(UsageReport, text, { amounts: AMOUNTS, books: BOOKS });
      for (const item of usageItems) this.add(rows, day, item, now);
    }
    return { costs: rows.all(), ownCostUsd: '0' };
  }

  private async usageOf(octokit: Octokit, day: Date, token: string, signal: AbortSignal): Promise<string> {
    const asked = {
      year: day.getUTCFullYear(),
      month: day.getUTCMonth() + 1,
      day: day.getUTCDate(),
      headers: { 'x-github-api-version': '2022-11-28' },
      // Read here: its own reading takes amounts for floats, and an answer that was cut off for an empty one.
      request: { signal, parseSuccessResponseBody: false },
    };
    const { organization, username = '' } = this.config;
    try {
      const { data } =
        organization === undefined
          ? await octokit.request('GET /users/{username}/settings/billing/usage', { ...asked, username })
          : await octokit.request('GET /organizations/{org}/settings/billing/usage', { ...asked, org: organization });
      return await this.textOf(data, token);
    } catch (error) {
      signal.throwIfAborted();
      throw refusal(error, this.config, token);
    }
  }

  private async textOf(body: unknown, token: string): Promise<string> {
    try {
      return await new Response(body as ReadableStream<Uint8Array> | null).text();
    } catch (error) {
      throw new TryAgain(conceal(`${BOOKS}: the answer was cut off (${(error as Error).message})`, [token]));
    }
  }

  private add(rows: CostRows, day: Date, item: UsageItem, now: Date): void {
    const { product, sku, netAmount, organizationName, repositoryName } = item;
    rows.add({
      day,
      key: [product, sku, organizationName, repositoryName],
      amountUsd: plainDecimal(netAmount),
      service: serviceOf(item),
      project: repositoryName || undefined,
      finality: settled(day, SETTLED_AFTER_DAYS, now),
    });
  }

  /** Read at every reading: it may be rotated. */
  private token(): string {
    const { baseUrl } = this.config;
    if (this.names.length === 0)
      throw new Error(
        `${baseUrl} is not GitHub’s: name the environment variable of its token as "tokenEnv" in config/plugins.json`,
      );
    const token = this.names
      .map((name) => this.context.secret(name))
      .find((value) => value !== undefined && value !== '');
    if (token === undefined)
      throw new Error(
        `${this.names.join(' or ')} is not set; make a token that may read the bill at https://github.com/settings/personal-access-tokens`,
      );
    return token;
  }
}
