import type {
  CostExplorerClient,
  CostExplorerClientConfig,
  Expression,
  GetCostAndUsageCommandInput,
  ResultByTime,
} from '@aws-sdk/client-cost-explorer';
import {
  type CallOptions,
  conceal,
  type CostReading,
  CostReadingFailed,
  type CostSource,
  plainDecimal,
  type PluginContext,
  type ReportedCost,
  requireUsd,
} from '@purser/plugin-sdk';
import type { AwsCostsConfig } from './config.js';
import { explain } from './failure.js';

/** Large, and every service loads every plugin: only the one that asks needs it. */
const sdk = () => import('@aws-sdk/client-cost-explorer');

/** A reading of more would cost more than what it tells is worth, or goes round in circles. */
const MOST_PAGES = 50;
/** With the first; between them the SDK waits, longer each time. */
const ATTEMPTS = 4;

const day = (at: Date): string => at.toISOString().slice(0, 10);
const midnight = (text: string): Date => new Date(`${text}T00:00:00Z`);

export class AwsCostsSource implements CostSource {
  readonly provider: string;
  readonly schedule: CostSource['schedule'];
  readonly ownCosts = { service: 'Cost Explorer API requests', inBooksAs: 'AWS Cost Explorer' };

  constructor(
    private readonly context: PluginContext,
    private readonly config: AwsCostsConfig,
  ) {
    this.provider = config.provider;
    this.schedule = { everySeconds: config.everySeconds, staleAfterSeconds: config.staleAfterSeconds };
  }

  async read(period: { from: Date; to: Date }, { signal }: CallOptions): Promise<CostReading> {
    const bill = new RequestBill(this.config.requestUsd);
    const { CostExplorerClient } = await sdk();
    const client = new CostExplorerClient(this.clientConfig());
    // Below the retries: each attempt is a request of its own.
    client.middlewareStack.add((next) => (args) => bill.count(() => next(args)), {
      step: 'finalizeRequest',
      priority: 'low',
      name: 'countRequests',
    });
    try {
      const costs = await this.readAll(client, period, signal);
      return { costs, ownCostUsd: bill.usd };
    } catch (error) {
      if (signal.aborted && bill.usd === '0') throw signal.reason;
      const secrets = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'];
      const message = conceal(
        explain(error),
        secrets.map((name) => this.context.secret(name)),
      );
      throw new CostReadingFailed(message, bill.usd, { cause: error });
    } finally {
      client.destroy();
    }
  }

  private async readAll(
    client: CostExplorerClient,
    period: { from: Date; to: Date },
    signal: AbortSignal,
  ): Promise<ReportedCost[]> {
    const { GetCostAndUsageCommand } = await sdk();
    const costs: ReportedCost[] = [];
    let token: string | undefined;
    for (let page = 0; page < MOST_PAGES; page++) {
      const answer = await client.send(new GetCostAndUsageCommand(this.question(period, token)), {
        abortSignal: signal,
      });
      for (const result of answer.ResultsByTime ?? []) costs.push(...this.costsOf(result));
      token = answer.NextPageToken;
      if (token === undefined) return costs;
    }
    throw new Error(
      `the answer has more than ${MOST_PAGES} pages; leave out "projectTag", or name fewer "accounts" and use several entries`,
    );
  }

  private question({ from, to }: { from: Date; to: Date }, token: string | undefined): GetCostAndUsageCommandInput {
    const { metric, projectTag } = this.config;
    return {
      TimePeriod: { Start: day(from), End: day(to) },
      Granularity: 'DAILY',
      Metrics: [metric],
      GroupBy: [
        { Type: 'DIMENSION', Key: 'SERVICE' },
        ...(projectTag === undefined ? [] : [{ Type: 'TAG' as const, Key: projectTag }]),
      ],
      Filter: this.filter(),
      NextPageToken: token,
    };
  }

  private filter(): Expression | undefined {
    const { accounts, leaveOut } = this.config;
    const parts: Expression[] = [];
    if (accounts) parts.push({ Dimensions: { Key: 'LINKED_ACCOUNT', Values: accounts } });
    if (leaveOut.length > 0) parts.push({ Not: { Dimensions: { Key: 'RECORD_TYPE', Values: leaveOut } } });
    return parts.length > 1 ? { And: parts } : parts[0];
  }

  private costsOf({ TimePeriod, Groups, Estimated }: ResultByTime): ReportedCost[] {
    if (!TimePeriod?.Start || !TimePeriod.End) throw new Error('an answer does not say which day it is of');
    const { Start, End } = TimePeriod;
    return (Groups ?? []).map(({ Keys, Metrics }) => {
      const [service = '', tag] = Keys ?? [];
      const told = Metrics?.[this.config.metric];
      // Nothing, of a service without a price, has no unit.
      const isNothing = told?.Unit === 'N/A' && Number(told.Amount) === 0;
      requireUsd(
        isNothing ? 'USD' : told?.Unit,
        'the books of this AWS account',
        'AWS bills accounts of some sellers (such as AWS China) in other currencies; leave this source out for them, or export a file in dollars for file-costs.',
      );
      // "project$alpha"; what has no tag is of no project.
      const project = tag?.slice(tag.indexOf('$') + 1);
      return {
        id: [Start, service, ...(project === undefined ? [] : [project])].join(' | '),
        from: midnight(Start),
        to: midnight(End),
        amountUsd: plainDecimal(told?.Amount ?? ''),
        service,
        ...(project ? { project } : {}),
        finality: Estimated === false ? 'final' : 'estimate',
      };
    });
  }

  private clientConfig(): CostExplorerClientConfig {
    const { region, endpoint, profile } = this.config;
    return {
      region,
      maxAttempts: ATTEMPTS,
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(profile === undefined ? {} : { profile }),
      ...this.credentials(),
    };
  }

  /** Keys that were given to Purser, else the SDK's own chain: a profile, SSO, the role of a container or a machine. */
  private credentials(): Pick<CostExplorerClientConfig, 'credentials'> {
    if (this.config.profile !== undefined) return {};
    const accessKeyId = this.context.secret('AWS_ACCESS_KEY_ID');
    const secretAccessKey = this.context.secret('AWS_SECRET_ACCESS_KEY');
    const sessionToken = this.context.secret('AWS_SESSION_TOKEN');
    if (accessKeyId === undefined || secretAccessKey === undefined) return {};
    return {
      credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
    };
  }
}

/** AWS was not even reached. */
const UNREACHED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN']);

/** What was asked for money. A request that AWS refused costs nothing; one whose answer is not known may have been billed. */
class RequestBill {
  private requests = 0;

  constructor(private readonly requestUsd: string) {}

  async count<T>(send: () => Promise<T>): Promise<T> {
    this.requests += 1;
    try {
      return await send();
    } catch (error) {
      const { $metadata, code = '' } = error as { $metadata?: { httpStatusCode?: number }; code?: string };
      const status = $metadata?.httpStatusCode ?? 0;
      if ((status >= 400 && status < 500) || UNREACHED.has(code)) this.requests -= 1;
      throw error;
    }
  }

  get usd(): string {
    const [whole = '0', fraction = ''] = this.requestUsd.split('.');
    const nano = BigInt(whole + fraction.padEnd(9, '0')) * BigInt(this.requests);
    return plainDecimal(`${nano}e-9`);
  }
}
