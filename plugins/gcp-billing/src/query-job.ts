import { randomUUID } from 'node:crypto';
import { everyPage } from '@purser/plugin-sdk';
import { z } from 'zod';
import { ExportRow, type queryParameters } from './export-table.js';
import { Refused, type Warehouse } from './warehouse.js';

const ErrorResult = z.object({ reason: z.string().optional(), message: z.string() });

const Job = z.object({
  status: z.object({ state: z.string(), errorResult: ErrorResult.optional() }),
  statistics: z.object({ query: z.object({ totalBytesBilled: z.string().optional() }).optional() }).optional(),
});

const Results = z.object({
  jobComplete: z.boolean(),
  pageToken: z.string().optional(),
  schema: z.object({ fields: z.array(z.object({ name: z.string() })) }).optional(),
  rows: z.array(z.object({ f: z.array(z.object({ v: z.unknown() })) })).default([]),
});
type Results = z.output<typeof Results>;

const ROWS_PER_PAGE = 5000;
/** How long BigQuery keeps an unfinished query's results waiting before it says that they are not there yet. */
const POLL_MS = 20_000;
const MOST_POLLS = 15;

export interface Query {
  sql: string;
  parameters: ReturnType<typeof queryParameters>;
  location: string;
  maximumBytesBilled: number;
}

function rowsOf({ schema, rows }: Results): ExportRow[] {
  const names = schema?.fields.map(({ name }) => name) ?? [];
  return rows.map(({ f }) =>
    ExportRow.parse(Object.fromEntries(names.map((name, index) => [name, f[index]?.v ?? null]))),
  );
}

/** One query. Its id is ours, so that asking for it twice does not run (and bill) it twice. */
export class QueryJob {
  private readonly id = `purser_costs_${randomUUID().replaceAll('-', '')}`;
  private begun = false;
  private billed: bigint | undefined = 0n;

  constructor(
    private readonly warehouse: Warehouse,
    private readonly query: Query,
  ) {}

  async run(signal: AbortSignal): Promise<ExportRow[]> {
    await this.begin(signal);
    const rows: ExportRow[] = [];
    await everyPage(async (pageToken) => {
      const page = await this.page(pageToken, signal);
      if (pageToken === undefined) await this.learnBill(signal);
      for (const row of rowsOf(page)) rows.push(row);
      return page.pageToken || undefined;
    });
    return rows;
  }

  /** As far as it is known by now; undefined when it is not. */
  get bytesBilled(): bigint | undefined {
    return this.billed;
  }

  /** Asks for what is not known of its bill, and lives with not being told. */
  async learnBill(signal: AbortSignal): Promise<void> {
    if (this.billed !== undefined) return;
    try {
      const { status, statistics } = await this.described(signal);
      const billed = statistics?.query?.totalBytesBilled;
      // A query that failed is not billed.
      if (status.errorResult !== undefined) this.billed = 0n;
      else if (status.state === 'DONE' && billed !== undefined) this.billed = BigInt(billed);
    } catch (error) {
      signal.throwIfAborted();
      // It has never heard of it.
      if (error instanceof Refused && error.status === 404) this.billed = 0n;
    }
  }

  /** Stops it, as far as that can be done; nobody waits for it. */
  cancel(): void {
    if (!this.begun || this.billed !== undefined) return;
    const request = { method: 'POST', uri: `/jobs/${this.id}/cancel`, qs: { location: this.query.location } };
    this.warehouse.tell(request).catch(() => undefined);
  }

  private async begin(signal: AbortSignal): Promise<void> {
    const { sql, parameters, location, maximumBytesBilled } = this.query;
    const query = {
      query: sql,
      useLegacySql: false,
      maximumBytesBilled: String(maximumBytesBilled),
      parameterMode: 'NAMED',
      queryParameters: parameters,
    };
    const json = {
      jobReference: { jobId: this.id, location },
      configuration: { query, labels: { by: 'purser' }, jobTimeoutMs: String(POLL_MS * MOST_POLLS) },
    };
    this.begun = true;
    this.billed = undefined;
    let job: z.output<typeof Job>;
    try {
      job = await this.warehouse.ask({ method: 'POST', uri: '/jobs', json }, Job, signal);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      // An earlier attempt arrived, and only its answer was lost.
      if (error.status === 409) job = await this.described(signal);
      else {
        this.begun = false;
        this.billed = 0n;
        throw error;
      }
    }
    const failed = job.status.errorResult;
    if (failed === undefined) return;
    this.billed = 0n;
    throw new Refused(`BigQuery: ${failed.message}`, 400, failed.reason);
  }

  private async page(pageToken: string | undefined, signal: AbortSignal): Promise<Results> {
    const { location } = this.query;
    const qs = {
      location,
      maxResults: ROWS_PER_PAGE,
      timeoutMs: POLL_MS,
      ...(pageToken === undefined ? {} : { pageToken }),
    };
    for (let polls = 0; polls < MOST_POLLS; polls += 1) {
      const results = await this.warehouse.ask({ uri: `/queries/${this.id}`, qs }, Results, signal);
      if (results.jobComplete) return results;
    }
    throw new Error(`BigQuery: the query did not end within ${(POLL_MS * MOST_POLLS) / 60_000} minutes`);
  }

  private described(signal: AbortSignal): Promise<z.output<typeof Job>> {
    return this.warehouse.ask({ uri: `/jobs/${this.id}`, qs: { location: this.query.location } }, Job, signal);
  }
}
