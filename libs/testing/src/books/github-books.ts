import { type Answered, type Asked, asWritten, BooksServer } from './books-server.js';

export interface GithubCost {
  /** "2026-11-03". */
  day: string;
  product: string;
  sku: string;
  /** Decimal, in US dollars: what is left to pay after discounts. */
  netAmount: string;
  repositoryName?: string;
}

const refusal = (status: number, message: string, headers: Record<string, string> = {}): Answered => ({
  status,
  headers,
  body: { message, documentation_url: 'https://docs.github.com/rest/billing/usage', status: String(status) },
});

/** `GET /organizations/{org}/settings/billing/usage` and that of a user, as GitHub answers them. */
export class GithubBooks extends BooksServer {
  costs: GithubCost[] = [];
  /** How GitHub refuses a token without the permission: it may also deny that there is anything. */
  withoutRights: 403 | 404 | undefined;

  constructor(
    private readonly token: string,
    private readonly account = 'organizations/demo',
  ) {
    super();
  }

  protected answer({ path, query, headers }: Asked): Answered {
    if (headers.authorization !== `token ${this.token}` && headers.authorization !== `Bearer ${this.token}`)
      return refusal(401, `Bad credentials: ${String(headers.authorization)}`);
    if (this.withoutRights === 403) return refusal(403, 'Resource not accessible by personal access token');
    if (this.withoutRights === 404 || path !== `/${this.account}/settings/billing/usage`)
      return refusal(404, 'Not Found');
    const [year = '', month = '', day = ''] = ['year', 'month', 'day'].map((name) => query.get(name) ?? '');
    if (!/^\d{4}$/.test(year) || (day !== '' && month === '')) return refusal(400, 'Bad Request');
    const prefix = [year, month.padStart(2, '0'), ...(day === '' ? [] : [day.padStart(2, '0')])].join('-');
    return {
      body: {
        usageItems: this.costs
          .filter((cost) => cost.day.startsWith(prefix))
          .map((cost) => ({
            date: `${cost.day}T00:00:00Z`,
            product: cost.product,
            sku: cost.sku,
            quantity: 100,
            unitType: 'minutes',
            pricePerUnit: 0.008,
            grossAmount: 0.8,
            discountAmount: 0,
            netAmount: asWritten(cost.netAmount),
            organizationName: 'demo',
            ...(cost.repositoryName === undefined ? {} : { repositoryName: cost.repositoryName }),
          })),
      },
    };
  }
}
