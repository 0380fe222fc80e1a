import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A line of the account's bill. */
export interface BilledRow {
  /** "2026-11-03", UTC. */
  day: string;
  service: string;
  amount: string;
  /** The value of the cost allocation tag that is grouped by. */
  tag?: string;
}

export interface CostExplorerRequest {
  target: string;
  /** Of the signature: whose key, which region and service. */
  credential: string;
  body: CostAndUsageRequest;
  status: number;
}

interface CostAndUsageRequest {
  TimePeriod: { Start: string; End: string };
  Granularity: string;
  Metrics: string[];
  GroupBy?: { Type: string; Key: string }[];
  Filter?: unknown;
  NextPageToken?: string;
}

export interface CostExplorerFault {
  status: number;
  /** The exception's name. */
  type: string;
  message: string;
}

export interface CostExplorer {
  url: string;
  /** All that was asked, oldest first; each costs a cent. */
  requests: readonly CostExplorerRequest[];
  /** The bill as it stands from now on, in dollars; ends every fault. */
  bill(rows: readonly BilledRow[]): void;
  /** What amounts are told in. */
  currency(code: string): void;
  /** The next requests are answered so, after which it is well; without a count all of them, after `pages` good ones. */
  fail(fault: CostExplorerFault, how?: { times?: number; afterPages?: number }): void;
  /** Takes requests and leaves them without an answer. */
  hang(): void;
  stop(): Promise<void>;
}

const TARGET = 'AWSInsightsIndexService.GetCostAndUsage';
const DAY = 86_400_000;

/** AWS Cost Explorer on loopback: JSON 1.1 with `X-Amz-Target`, in pages, as the SDK of AWS speaks to it. */
export async function startCostExplorer(options: { rowsPerPage?: number; accessKeyId: string }): Promise<CostExplorer> {
  const { rowsPerPage = 1_000, accessKeyId } = options;
  const requests: CostExplorerRequest[] = [];
  const state = {
    rows: [] as readonly BilledRow[],
    currency: 'USD',
    fault: undefined as { fault: CostExplorerFault; times: number; afterPages: number } | undefined,
    hanging: false,
  };

  function answer(credential: string, body: CostAndUsageRequest): [number, object] {
    const { fault } = state;
    if (fault && fault.afterPages-- <= 0) {
      if (--fault.times <= 0) state.fault = undefined;
      return [fault.fault.status, { __type: fault.fault.type, message: fault.fault.message }];
    }
    if (!credential.startsWith(`${accessKeyId}/`) || !credential.endsWith('/us-east-1/ce/aws4_request'))
      return [400, { __type: 'UnrecognizedClientException', message: 'The security token is invalid.' }];
    if (body.Granularity !== 'DAILY' || body.TimePeriod.Start >= body.TimePeriod.End)
      return [400, { __type: 'ValidationException', message: 'Start date should be before end date' }];
    return [200, page(body)];
  }

  /** Pages break in the middle of a day. */
  function page(body: CostAndUsageRequest): object {
    const { Start, End } = body.TimePeriod;
    const from = Number(body.NextPageToken ?? 0);
    const billed = state.rows.filter(({ day }) => day >= Start && day < End).sort((a, b) => a.day.localeCompare(b.day));
    const here = billed.slice(from, from + rowsPerPage);
    const more = from + rowsPerPage < billed.length;
    return {
      GroupDefinitions: body.GroupBy,
      DimensionValueAttributes: [],
      ResultsByTime: days(Start, End)
        .map((day) => ({ day, groups: here.filter((row) => row.day === day) }))
        .filter(({ groups }) => groups.length > 0 || billed.length === 0)
        .map(({ day, groups }) => ({
          TimePeriod: { Start: day, End: dayAfter(day) },
          Total: {},
          Groups: groups.map((row) => ({
            Keys: (body.GroupBy ?? []).map(({ Type, Key }) =>
              Type === 'TAG' ? `${Key}$${row.tag ?? ''}` : row.service,
            ),
            Metrics: Object.fromEntries(
              body.Metrics.map((metric) => [metric, { Amount: row.amount, Unit: state.currency }]),
            ),
          })),
          Estimated: day >= `${End.slice(0, 7)}-01`,
        })),
      ...(more ? { NextPageToken: `${from + rowsPerPage}` } : {}),
    };
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const body = JSON.parse(Buffer.concat(parts).toString('utf8')) as CostAndUsageRequest;
    const target = String(request.headers['x-amz-target']);
    const credential = /Credential=([^,]+)/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    if (state.hanging) return void requests.push({ target, credential, body, status: 0 });
    const [status, reply] =
      target === TARGET
        ? answer(credential, body)
        : [400, { __type: 'UnknownOperationException', message: `${target} is not served here` }];
    requests.push({ target, credential, body, status });
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': 'request' });
    response.end(JSON.stringify(reply));
  }

  const server = createServer((request, response) => void serve(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    bill: (rows) => Object.assign(state, { rows, currency: 'USD', fault: undefined, hanging: false }),
    currency: (code) => Object.assign(state, { currency: code }),
    fail: (fault, { times = Infinity, afterPages = 0 } = {}) =>
      Object.assign(state, { fault: { fault, times, afterPages } }),
    hang: () => Object.assign(state, { hanging: true }),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const dayAfter = (day: string): string => new Date(Date.parse(day) + DAY).toISOString().slice(0, 10);

function days(start: string, end: string): string[] {
  const found: string[] = [];
  for (let day = start; day < end; day = dayAfter(day)) found.push(day);
  return found;
}
