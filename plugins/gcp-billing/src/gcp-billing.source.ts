import { BigQuery } from '@google-cloud/bigquery';
import {
  type CallOptions,
  type CostReading,
  CostReadingFailed,
  CostRows,
  type CostSchedule,
  type CostSource,
  plainDecimal,
  type PluginContext,
  type ReportedCost,
  settled,
} from '@purser/plugin-sdk';
import type { GcpBillingConfig } from './config.js';
import { credentials } from './credentials.js';
import {
  costsQuery,
  type ExportRow,
  missingColumns,
  partitionFilter,
  queryParameters,
  Table,
  tableName,
} from './export-table.js';
import { QueryJob } from './query-job.js';
import { priceOf } from './query-price.js';
import { remedied } from './remedy.js';
import { Warehouse } from './warehouse.js';

/** A month's bill is closed some days into the next one; usage that is reported later is added to that one's. */
const SETTLED_AFTER_DAYS = 40;

/** What a billing account has cost by Google's own books: their export to BigQuery. */
export class GcpBilling implements CostSource {
  readonly provider: string;
  readonly schedule: CostSchedule;
  readonly ownCosts = { service: 'BigQuery query for the bill', inBooksAs: 'BigQuery' };

  constructor(
    private readonly context: PluginContext,
    private readonly config: GcpBillingConfig,
    private readonly now: () => Date = () => new Date(),
  ) {
    const { provider, everySeconds, staleAfterSeconds } = config;
    this.provider = provider;
    this.schedule = { everySeconds, staleAfterSeconds: Math.max(everySeconds, staleAfterSeconds) };
  }

  async read(period: { from: Date; to: Date }, { signal }: CallOptions): Promise<CostReading> {
    signal.throwIfAborted();
    let job: QueryJob | undefined;
    try {
      const warehouse = await this.warehouse(signal);
      const table = await this.table(warehouse, signal);
      const filter = partitionFilter(table);
      job = new QueryJob(warehouse, {
        sql: costsQuery(tableName(this.config.table), filter),
        parameters: queryParameters(period, filter.includes('@since')),
        location: table.location,
        maximumBytesBilled: this.config.maximumBytesBilled,
      });
      return { costs: this.costs(await job.run(signal)), ownCostUsd: this.price(job) };
    } catch (error) {
      if (signal.aborted) throw this.givenUp(job, signal.reason as Error);
      await job?.learnBill(signal);
      job?.cancel();
      const { message, cause } = remedied(error, this.config);
      throw new CostReadingFailed(message, this.price(job), { cause });
    }
  }

  /** Nobody waits any more, so what it cost must be told from what is known. */
  private givenUp(job: QueryJob | undefined, reason: Error): Error {
    job?.cancel();
    const price = this.price(job);
    return price === '0' ? reason : new CostReadingFailed(`given up: ${reason.message}`, price, { cause: reason });
  }

  private async warehouse(signal: AbortSignal): Promise<Warehouse> {
    const { apiEndpoint, table, queryProject } = this.config;
    const auth = await credentials(this.context, this.config, signal);
    const projectId = queryProject ?? tableName(table).project;
    const client = new BigQuery({ ...auth, projectId, apiEndpoint, autoRetry: false, userAgent: 'purser' });
    return new Warehouse(client, new URL(apiEndpoint).origin, auth);
  }

  /** Before anything is billed: whether the table is there, and is what it should be. */
  private async table(warehouse: Warehouse, signal: AbortSignal): Promise<Table> {
    const { project, dataset, table } = tableName(this.config.table);
    const request = { uri: `/datasets/${dataset}/tables/${table}`, projectId: project };
    const told = await warehouse.ask(request, Table, signal);
    const missing = missingColumns(told);
    if (missing.length > 0)
      throw new Error(
        `${this.config.table} is no export of usage costs, it has no ${missing.join(', ')}: name the table gcp_billing_export_v1_<billing account> (standard) or gcp_billing_export_resource_v1_<billing account> (detailed)`,
      );
    return told;
  }

  private costs(rows: readonly ExportRow[]): ReportedCost[] {
    const costs = new CostRows();
    const now = this.now();
    for (const { day: date, service_id, service_name, sku_id, project_id, currency, usd, unconvertible } of rows) {
      if (usd === null || unconvertible !== '0')
        throw new Error(
          `${this.config.table} is in ${currency ?? 'a currency that is not told'} without a rate to US dollars (currency_conversion_rate) on ${date}: nothing was counted. Leave this source out, or correct the rows of a copy`,
        );
      const day = new Date(date);
      costs.add({
        day,
        key: [service_id, sku_id, project_id],
        amountUsd: plainDecimal(usd),
        service: service_name || 'Google Cloud',
        project: project_id || undefined,
        finality: settled(day, SETTLED_AFTER_DAYS, now),
      });
    }
    return costs.all();
  }

  /** What is not known is taken for the most that it can have been. */
  private price(job: QueryJob | undefined): string {
    const { maximumBytesBilled, usdPerTiB } = this.config;
    return job === undefined ? '0' : priceOf(job.bytesBilled ?? BigInt(maximumBytesBilled), usdPerTiB);
  }
}
