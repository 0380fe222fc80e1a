import { type Answered, type Asked, BooksServer } from './books-server.js';

export interface AnthropicCost {
  /** "2026-11-03", UTC. */
  day: string;
  description: string;
  /** Decimal, in cents. */
  cents: string;
  model?: string | null;
  /** Null is the default workspace. */
  workspaceId?: string | null;
}

const DAY = 86_400_000;
const refusal = (status: number, type: string, message: string): Answered => ({
  status,
  body: { type: 'error', error: { type, message }, request_id: 'req_demo' },
});

/** `GET /v1/organizations/cost_report`, as Anthropic answers it. */
export class AnthropicBooks extends BooksServer {
  costs: AnthropicCost[] = [];
  currency = 'USD';
  /** Days on a page, also when more are asked for. */
  daysPerPage = 31;
  /** Whether the organization has taken the right to see costs from keys. */
  withoutRights = false;

  constructor(private readonly adminKey: string) {
    super();
  }

  protected answer({ path, query, headers }: Asked): Answered {
    if (headers['x-api-key'] !== this.adminKey)
      return refusal(401, 'authentication_error', `invalid x-api-key: ${String(headers['x-api-key'])}`);
    if (headers['anthropic-version'] !== '2023-06-01')
      return refusal(400, 'invalid_request_error', 'anthropic-version: header is required');
    if (this.withoutRights) return refusal(403, 'permission_error', 'Your API key lacks the permission to do this');
    if (path !== '/v1/organizations/cost_report') return refusal(404, 'not_found_error', `Not found: ${path}`);
    const start = Date.parse(query.get('starting_at') ?? '');
    // Buckets that end before this moment, so that one which ends at it is left out.
    const end = query.has('ending_at') ? Date.parse(query.get('ending_at') ?? '') : Date.now();
    const limit = Number(query.get('limit') ?? 7);
    if (Number.isNaN(start) || Number.isNaN(end) || !(limit >= 1 && limit <= 31))
      return refusal(400, 'invalid_request_error', 'starting_at, ending_at or limit is invalid');
    const groups = query.getAll('group_by[]');
    const from = query.has('page') ? Number(query.get('page')?.replace('page_', '')) : Math.floor(start / DAY) * DAY;
    const pageEnd = from + Math.min(limit, this.daysPerPage) * DAY;
    const data = [];
    for (let at = from; at < pageEnd && at + DAY < end; at += DAY) {
      const [starting_at, ending_at] = [at, at + DAY].map((time) => new Date(time).toISOString().replace('.000', ''));
      data.push({ starting_at, ending_at, results: this.results(String(starting_at).slice(0, 10), groups) });
    }
    const more = pageEnd + DAY < end;
    return { body: { data, has_more: more, next_page: more ? `page_${pageEnd}` : null } };
  }

  private results(day: string, groups: string[]) {
    const described = groups.includes('description');
    return this.costs
      .filter((cost) => cost.day === day)
      .map(({ cents, description, model, workspaceId }) => ({
        currency: this.currency,
        amount: cents,
        workspace_id: groups.includes('workspace_id') ? (workspaceId ?? null) : null,
        description: described ? description : null,
        cost_type: described ? (model ? 'tokens' : 'web_search') : null,
        context_window: described && model ? '0-200k' : null,
        model: described ? (model ?? null) : null,
        service_tier: described && model ? 'standard' : null,
        token_type: described && model ? 'output_tokens' : null,
        inference_geo: null,
      }));
  }
}
