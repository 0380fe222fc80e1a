import { type Answered, type Asked, BooksServer } from './books-server.js';
import { answerOf, type ExportRow } from './billing-export.js';

interface Job {
  sql: string;
  parameters: Record<string, string>;
  state: 'RUNNING' | 'DONE' | 'CANCELLED';
  errorResult?: { reason: string; message: string };
}

interface JobRequest {
  jobReference: { jobId: string; location?: string };
  configuration: {
    query: {
      query: string;
      useLegacySql?: boolean;
      maximumBytesBilled?: string;
      queryParameters?: { name: string; parameterValue: { value: string } }[];
    };
  };
}

const refusal = (status: number, reason: string, message: string): Answered => ({
  status,
  body: { error: { code: status, message, errors: [{ message, domain: 'global', reason }], status: reason } },
});

const COLUMNS = ['day', 'service_id', 'service_name', 'sku_id', 'project_id', 'currency', 'usd', 'unconvertible'];

/**
 * BigQuery's REST interface with one billing export in it, and the token endpoint of service accounts. It runs no SQL: it
 * answers the one question that is asked of an export, and refuses a query that BigQuery would refuse for its form.
 */
export class BigQueryBooks extends BooksServer {
  rows: ExportRow[] = [];
  rowsPerPage = 1000;
  bytesBilled = 10 * 2 ** 20;
  /** How the table is partitioned; an export is by the time of its loading, which has no column. */
  partitionedBy: string | undefined;
  columns = [
    'usage_start_time',
    'service',
    'sku',
    'project',
    'cost',
    'credits',
    'currency',
    'currency_conversion_rate',
  ];
  /** How often a query's results are asked for before they are there. */
  polls = 0;
  /** Which permission the account lacks. */
  denied: 'table' | 'jobs' | undefined;
  /** Takes the next query, but its answer does not arrive. */
  loseNextJobAnswer = false;
  /** Whether queries fail after they have begun. */
  failsOnTheWay = false;
  private readonly jobs = new Map<string, Job>();
  private tokens = 0;

  constructor(
    private readonly table = { project: 'demo-project', dataset: 'billing', table: 'gcp_billing_export_v1_0123' },
  ) {
    super();
  }

  get cancelled(): string[] {
    return [...this.jobs].filter(([, job]) => job.state === 'CANCELLED').map(([id]) => id);
  }

  protected answer(asked: Asked): Answered {
    if (asked.path === '/token') return this.token(asked);
    if (!/^Bearer token-\d+$/.test(asked.headers.authorization ?? ''))
      return refusal(401, 'authError', 'Request had invalid authentication credentials.');
    const { project, dataset, table } = this.table;
    const root = `/bigquery/v2/projects/${project}`;
    if (!asked.path.startsWith(`${root}/`)) return refusal(404, 'notFound', `Not found: Project in ${asked.path}`);
    const rest = asked.path.slice(root.length + 1).split('/');
    if (rest[0] === 'datasets') {
      if (rest[1] !== dataset || rest[3] !== table)
        return refusal(404, 'notFound', `Not found: Table ${project}:${rest[1]}.${rest[3]}`);
      return this.denied === 'table' ? this.deny(`Table ${project}:${dataset}.${table}`) : this.described();
    }
    if (rest[0] === 'queries') return this.results(rest[1] ?? '', asked.query);
    if (rest[0] === 'jobs' && rest.length === 1) return this.insert(JSON.parse(asked.body) as JobRequest);
    return rest[2] === 'cancel' ? this.cancel(rest[1] ?? '') : this.job(rest[1] ?? '');
  }

  private deny(what: string): Answered {
    return refusal(403, 'accessDenied', `Access Denied: ${what}: User does not have permission`);
  }

  private token({ body }: Asked): Answered {
    const asked = new URLSearchParams(body);
    if (asked.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:jwt-bearer' || !asked.get('assertion'))
      return { status: 400, body: { error: 'invalid_grant', error_description: 'Invalid JWT Signature.' } };
    this.tokens += 1;
    return { body: { access_token: `token-${this.tokens}`, expires_in: 3600, token_type: 'Bearer' } };
  }

  private described(): Answered {
    const field = this.partitionedBy;
    return {
      body: {
        kind: 'bigquery#table',
        type: 'TABLE',
        location: 'EU',
        timePartitioning: { type: 'DAY', ...(field === undefined ? {} : { field }) },
        schema: { fields: this.columns.map((name) => ({ name, type: 'STRING' })) },
      },
    };
  }

  private insert({ jobReference, configuration: { query } }: JobRequest): Answered {
    const { jobId, location } = jobReference;
    if (this.denied === 'jobs') return this.deny(`Project ${this.table.project}: bigquery.jobs.create`);
    if (this.jobs.has(jobId)) return refusal(409, 'duplicate', `Already Exists: Job demo:EU.${jobId}`);
    if (location !== 'EU') return refusal(404, 'notFound', `Not found: Table was not found in location ${location}`);
    if (query.useLegacySql !== false) return refusal(400, 'invalidQuery', 'Encountered " "." in legacy SQL');
    const column = this.partitionedBy ?? '_PARTITIONTIME';
    if (!query.query.includes(`${column} >= @`))
      return refusal(400, 'invalidQuery', `Cannot query over table without a filter over column '${column}'`);
    const parameters = Object.fromEntries(
      (query.queryParameters ?? []).map(({ name, parameterValue }) => [name, parameterValue.value]),
    );
    const job: Job = { sql: query.query, parameters, state: this.polls > 0 ? 'RUNNING' : 'DONE' };
    this.jobs.set(jobId, job);
    if (this.loseNextJobAnswer) {
      this.loseNextJobAnswer = false;
      return { ...refusal(503, 'backendError', 'Try again'), headers: { 'retry-after': '0' } };
    }
    const limit = Number(query.maximumBytesBilled);
    if (limit < this.bytesBilled) {
      const message = `Query exceeded limit for bytes billed: ${limit}. ${this.bytesBilled} or higher required.`;
      job.errorResult = { reason: 'bytesBilledLimitExceeded', message };
      job.state = 'DONE';
    }
    return this.job(jobId);
  }

  private job(jobId: string): Answered {
    const job = this.jobs.get(jobId);
    if (job === undefined) return refusal(404, 'notFound', `Not found: Job ${jobId}`);
    const done = job.state === 'DONE';
    const { errorResult } = job;
    return {
      body: {
        jobReference: { projectId: this.table.project, jobId, location: 'EU' },
        status: { state: done ? 'DONE' : 'RUNNING', ...(errorResult && { errorResult, errors: [errorResult] }) },
        statistics:
          done && !errorResult ? { query: { totalBytesBilled: String(this.bytesBilled), cacheHit: false } } : {},
      },
    };
  }

  private cancel(jobId: string): Answered {
    const job = this.jobs.get(jobId);
    if (job !== undefined) job.state = 'CANCELLED';
    return { body: { kind: 'bigquery#jobCancelResponse' } };
  }

  private results(jobId: string, query: URLSearchParams): Answered {
    const job = this.jobs.get(jobId);
    if (job === undefined) return refusal(404, 'notFound', `Not found: Job ${jobId}`);
    if (job.state === 'RUNNING' && this.polls > 0) {
      this.polls -= 1;
      if (this.polls === 0) job.state = 'DONE';
      return { body: { jobReference: { jobId }, jobComplete: false } };
    }
    if (this.failsOnTheWay) {
      const message = 'Resources exceeded during query execution';
      Object.assign(job, { state: 'DONE', errorResult: { reason: 'resourcesExceeded', message } });
      return refusal(400, 'resourcesExceeded', message);
    }
    const answer = answerOf(this.rows, job.parameters);
    const start = Number(query.get('pageToken') ?? 0);
    const end = start + Math.min(this.rowsPerPage, Number(query.get('maxResults') ?? this.rowsPerPage));
    return {
      body: {
        jobReference: { jobId },
        jobComplete: true,
        totalRows: String(answer.length),
        schema: { fields: COLUMNS.map((name) => ({ name, type: 'STRING' })) },
        ...(answer.length === 0
          ? {}
          : {
              rows: answer.slice(start, end).map((row) => ({ f: COLUMNS.map((name) => ({ v: row[name] ?? null })) })),
            }),
        ...(end < answer.length ? { pageToken: String(end) } : {}),
      },
    };
  }
}
