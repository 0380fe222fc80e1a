import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeIssue {
  number: number;
  title: string;
  body: string;
  state: 'open' | 'closed';
  state_reason: string | null;
  labels: string[];
  assignees: string[];
  comments: string[];
  /** When each of them was made; long ago where nothing stands. */
  commentedAt: string[];
  pull_request?: object;
}

type Answer = [status: number, body: unknown, headers?: Record<string, string>];

/** As much of GitHub's REST API as is used: issues of one repository, in pages, for one token. */
export class FakeGithub {
  readonly issues: FakeIssue[] = [];
  readonly requests: string[] = [];
  /** Answers the next request in the place of the API. */
  next: Answer | undefined;

  private constructor(
    private readonly server: Server,
    private readonly token: string,
  ) {}

  static async open(token: string): Promise<FakeGithub> {
    const server = createServer((request, response) => {
      void github.answer(request).then(([status, body, headers]) => {
        response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers });
        response.end(JSON.stringify(body));
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const github = new FakeGithub(server, token);
    return github;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** An issue of somebody. */
  add(issue: Partial<FakeIssue>): FakeIssue {
    const made: FakeIssue = {
      number: this.issues.length + 1,
      title: '',
      body: '',
      state: 'open',
      state_reason: null,
      labels: [],
      assignees: [],
      comments: [],
      commentedAt: [],
      ...issue,
    };
    this.issues.push(made);
    return made;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async answer(request: IncomingMessage): Promise<Answer> {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const url = new URL(request.url ?? '', this.url);
    this.requests.push(`${request.method} ${url.pathname}`);
    if (this.next) {
      const { next } = this;
      this.next = undefined;
      return next;
    }
    if (request.headers.authorization !== `token ${this.token}`)
      return [401, { message: `Bad credentials: ${request.headers.authorization}` }];
    const path = /^\/repos\/acme\/ops\/issues(?:\/(\d+))?(\/comments)?$/.exec(url.pathname);
    if (!path) return [404, { message: 'Not Found' }];
    const body = text === '' ? {} : (JSON.parse(text) as Partial<FakeIssue>);
    const [, number, comments] = path;
    if (number === undefined) return request.method === 'POST' ? [201, this.create(body)] : this.list(url);
    const issue = this.issues[Number(number) - 1];
    if (!issue) return [404, { message: 'Not Found' }];
    if (comments) return this.comments(request.method, issue, body, url);
    if (request.method === 'PATCH') Object.assign(issue, body);
    return [200, shown(issue)];
  }

  private create({ title = '', body = '', labels = [], assignees = [] }: Partial<FakeIssue>): unknown {
    return shown(this.add({ title, body, labels, assignees }));
  }

  private list(url: URL): Answer {
    const wanted = url.searchParams.get('labels') ?? '';
    const state = url.searchParams.get('state') ?? 'open';
    const found = this.issues
      .filter((issue) => issue.state === state && issue.labels.includes(wanted))
      .reverse()
      .sort((a, b) => (url.searchParams.get('sort') === 'updated' ? updatedAt(b).localeCompare(updatedAt(a)) : 0))
      .map(shown);
    return this.page(url, found);
  }

  private comments(method: string | undefined, issue: FakeIssue, { body = '' }: { body?: string }, url: URL): Answer {
    if (method === 'POST') {
      issue.comments.push(body);
      issue.commentedAt.push(new Date().toISOString());
      return [201, { id: issue.comments.length, body }];
    }
    const since = url.searchParams.get('since') ?? '';
    const told = issue.comments
      .map((comment, id) => ({ id, body: comment, updated_at: issue.commentedAt[id] ?? '2020-01-01T00:00:00Z' }))
      .filter(({ updated_at }) => updated_at >= since);
    return this.page(url, told);
  }

  private page(url: URL, all: unknown[]): Answer {
    const size = Number(url.searchParams.get('per_page') ?? 30);
    const page = Number(url.searchParams.get('page') ?? 1);
    const next = new URL(url);
    next.searchParams.set('page', String(page + 1));
    const more = page * size < all.length;
    return [200, all.slice((page - 1) * size, page * size), more ? { link: `<${next.href}>; rel="next"` } : {}];
  }
}

/** As far as comments tell. */
const updatedAt = ({ commentedAt }: FakeIssue): string => commentedAt.at(-1) ?? '';

const shown = ({ comments, commentedAt: _, labels, ...issue }: FakeIssue) => ({
  ...issue,
  id: issue.number,
  comments: comments.length,
  labels: labels.map((name) => ({ name })),
});
