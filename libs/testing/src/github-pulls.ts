import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakePull {
  number: number;
  title: string;
  body: string;
  head: string;
  base: string;
  html_url: string;
}

type Answer = [status: number, body: unknown];

/** As much of GitHub's REST API as pull requests of one repository need, for one token. */
export class GithubPulls {
  readonly pulls: FakePull[] = [];
  readonly requests: string[] = [];
  /** Answers in the place of the API, one request each. */
  readonly instead: Answer[] = [];
  /** Carries the next creation out, and lets its answer be lost. */
  loseAnswer = false;

  private constructor(
    private readonly server: Server,
    private readonly repository: string,
    private readonly token: string,
  ) {}

  static async start(repository: string, token: string): Promise<GithubPulls> {
    const server = createServer((request, response) => {
      void github.answer(request).then((answer) => {
        if (!answer) {
          response.destroy();
          return;
        }
        response.writeHead(answer[0], { 'content-type': 'application/json; charset=utf-8' });
        response.end(JSON.stringify(answer[1]));
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const github = new GithubPulls(server, repository, token);
    return github;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async answer(request: IncomingMessage): Promise<Answer | undefined> {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const url = new URL(request.url ?? '', this.url);
    this.requests.push(`${request.method} ${url.pathname}`);
    const instead = this.instead.shift();
    if (instead) return instead;
    if (request.headers.authorization !== `token ${this.token}`) return [401, { message: 'Bad credentials' }];
    if (url.pathname !== `/repos/${this.repository}/pulls`) return [404, { message: 'Not Found' }];
    if (request.method === 'GET') {
      const head = url.searchParams.get('head');
      return [200, this.pulls.filter((pull) => `${this.repository.split('/')[0]}:${pull.head}` === head)];
    }
    return this.create(JSON.parse(text) as Pick<FakePull, 'title' | 'body' | 'head' | 'base'>);
  }

  private create(asked: Pick<FakePull, 'title' | 'body' | 'head' | 'base'>): Answer | undefined {
    if (this.pulls.some(({ head }) => head === asked.head))
      return [422, { message: 'Validation Failed', errors: [{ message: 'A pull request already exists' }] }];
    const number = this.pulls.length + 1;
    const pull = { ...asked, number, html_url: `https://github.example/${this.repository}/pull/${number}` };
    this.pulls.push(pull);
    if (!this.loseAnswer) return [201, pull];
    this.loseAnswer = false;
    return undefined;
  }
}
