import type { BigQuery, BigQueryOptions } from '@google-cloud/bigquery';
import { conceal, passes, patiently, retryAfterMs, TryAgain } from '@purser/plugin-sdk';
import { z } from 'zod';

export type WarehouseRequest = Parameters<BigQuery['request']>[0];

/** BigQuery has answered, and the answer is no. */
export class Refused extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly reason: string | undefined,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'Refused';
  }
}

/** As Google's client throws it: its own errors, those of its way to tokens, and those of sockets. */
interface Fault {
  message: string;
  code?: unknown;
  errors?: { reason?: string }[];
  response?: { status?: unknown; headers?: Record<string, unknown> };
}

/** How Google's client and its token endpoint say that a credential is no good. */
const NO_CREDENTIAL = /default credentials|private key|DECODER|invalid_grant|invalid_client|unauthorized_client/i;

const BUSY = new Set([
  'rateLimitExceeded',
  'jobRateLimitExceeded',
  'backendError',
  'internalError',
  'jobInternalError',
]);

/** What an answer says, without the signed statements that tokens are asked for with. */
const brief = (message: string): string =>
  message
    .trim()
    .replace(/\s+/g, ' ')
    .replace(/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, '[secret]')
    .slice(0, 500);

/** Requests to BigQuery's REST interface by Google's own client, repeated here, where waiting can be given up. */
export class Warehouse {
  constructor(
    private readonly client: BigQuery,
    private readonly endpoint: string,
    private readonly auth: Pick<BigQueryOptions, 'authClient'>,
  ) {}

  ask<Schema extends z.ZodType>(
    request: WarehouseRequest,
    schema: Schema,
    signal: AbortSignal,
  ): Promise<z.output<Schema>> {
    return patiently(async (attempt) => {
      const body = await this.tell(request).catch((error: unknown) => {
        attempt.throwIfAborted();
        throw this.judged(error as Fault);
      });
      const read = schema.safeParse(body);
      if (read.success) return read.data;
      throw new Error(`BigQuery answered in a form that is not known: ${z.prettifyError(read.error)}`);
    }, signal);
  }

  /** Once, and whatever comes of it. */
  tell(request: WarehouseRequest): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.client.request(request, (error, body) => {
        if (error === null) resolve(body);
        else reject(error);
      });
    });
  }

  private judged(fault: Fault): Error {
    const { code, errors, response } = fault;
    const reason = errors?.find((error) => error.reason !== undefined)?.reason;
    const shown = conceal(brief(fault.message), [this.auth.authClient?.credentials.access_token ?? undefined]);
    const status = [code, response?.status].find((value): value is number => typeof value === 'number');
    if (NO_CREDENTIAL.test(shown)) return new Refused(`Google gives no token: ${shown}`, 401, 'authError');
    if (status === undefined) return new TryAgain(`BigQuery at ${this.endpoint}: ${shown}`);
    const told = `BigQuery at ${this.endpoint} answered with status ${status}: ${shown}`;
    if (!passes(status) && !BUSY.has(reason ?? '')) return new Refused(told, status, reason);
    const headers = Object.entries(response?.headers ?? {}).map(([name, value]): [string, string] => [
      name,
      String(value),
    ]);
    return new TryAgain(told, retryAfterMs(new Headers(headers)));
  }
}
