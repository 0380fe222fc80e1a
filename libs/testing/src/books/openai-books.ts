import { type Answered, type Asked, asWritten, BooksServer } from './books-server.js';

export interface OpenAiCost {
  /** "2026-11-03", UTC. */
  day: string;
  lineItem: string;
  /** Decimal, in the currency of the books. */
  amount: string;
  projectId?: string | null;
}

const DAY = 86_400;
const dayOf = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 10);
const refusal = (status: number, message: string): Answered => ({
  status,
  body: { error: { message, type: 'invalid_request_error', param: null, code: null } },
});

/** `GET /v1/organization/costs`, as OpenAI answers it. */
export class OpenAiBooks extends BooksServer {
  costs: OpenAiCost[] = [];
  currency = 'usd';
  /** OpenAI sends amounts as numbers, and since 2026 as strings too. */
  amountsAs: 'number' | 'string' = 'number';
  /** Days on a page, also when more are asked for. */
  daysPerPage = 31;
  /** Whether keys lack the right to see usage. */
  withoutRights = false;

  constructor(private readonly adminKey: string) {
    super();
  }

  protected answer({ path, query, headers }: Asked): Answered {
    const key = headers.authorization?.replace(/^Bearer /, '');
    if (key !== this.adminKey)
      return refusal(401, `Incorrect API key provided: ${key}. You can find your API key at ...`);
    if (this.withoutRights)
      return refusal(403, 'You have insufficient permissions for this operation. Missing scopes: api.usage.read.');
    if (path !== '/v1/organization/costs') return refusal(404, `Invalid URL (GET ${path})`);
    const start = Number(query.get('start_time'));
    const end = Number(query.get('end_time') ?? Date.now() / 1000);
    const limit = Number(query.get('limit') ?? 7);
    if (!(start > 0 && limit >= 1 && limit <= 180) || (query.get('bucket_width') ?? '1d') !== '1d')
      return refusal(400, 'start_time, limit or bucket_width is invalid');
    const groups = query.getAll('group_by[]');
    const from = query.has('page') ? Number(query.get('page')?.replace('page_', '')) : Math.floor(start / DAY) * DAY;
    const pageEnd = from + Math.min(limit, this.daysPerPage) * DAY;
    const data = [];
    for (let at = from; at < Math.min(end, pageEnd); at += DAY)
      data.push({ object: 'bucket', start_time: at, end_time: at + DAY, results: this.results(dayOf(at), groups) });
    const more = pageEnd < end;
    return { body: { object: 'page', data, has_more: more, next_page: more ? `page_${pageEnd}` : null } };
  }

  private results(day: string, groups: string[]) {
    return this.costs
      .filter((cost) => cost.day === day)
      .map((cost) => ({
        object: 'organization.costs.result',
        amount: {
          value: this.amountsAs === 'string' ? cost.amount : asWritten(cost.amount),
          currency: this.currency,
        },
        line_item: groups.includes('line_item') ? cost.lineItem : null,
        project_id: groups.includes('project_id') ? (cost.projectId ?? null) : null,
        organization_id: 'org-demo',
        api_key_id: null,
        quantity: null,
      }));
  }
}
