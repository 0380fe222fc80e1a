import { type CallOptions, clip, conceal, type Notice, type Notifier, type PluginContext } from '@purser/plugin-sdk';
import { Octokit } from 'octokit';
import type { GithubIssueConfig } from './config.js';
import { alertMark, issueBody, issueTitle, noticeMark } from './issue-text.js';

/** Open issues that are looked through: for more there is no time. */
const MOST_PAGES = 10;
/** How far GitHub's clock and the watchdog's may be apart. */
const CLOCKS_APART_MS = 24 * 3_600_000;

interface Issue {
  number: number;
  body?: string | null | undefined;
  pull_request?: unknown;
}

/** As octokit's errors are: they have a status, 500, also when nobody answered. */
interface Failure {
  status?: number;
  message?: string;
  response?: { headers?: Record<string, string | number | undefined> };
  cause?: { message?: string };
}

interface Repository {
  owner: string;
  repo: string;
}

export class GithubIssueNotifier implements Notifier {
  readonly single = true;
  /** What is merely worth knowing is nothing to be done, and nobody would close it. */
  readonly minSeverity = 'warning';
  readonly reports = false;

  constructor(
    private readonly context: PluginContext,
    private readonly config: GithubIssueConfig,
  ) {}

  async send(notice: Notice, { signal }: CallOptions): Promise<void> {
    const token = this.context.secret(this.config.tokenEnv);
    if (token === undefined)
      throw new Error(`${this.config.tokenEnv} is not set; it needs a token that may write issues`);
    const baseUrl = this.config.baseUrl ?? this.context.secret('GITHUB_API_URL');
    const octokit = new Octokit({
      auth: token,
      userAgent: 'purser',
      ...(baseUrl === undefined ? {} : { baseUrl }),
      request: { signal },
      // Whoever calls tries again, with patience; waiting here would hold up other notices.
      retry: { enabled: false },
      throttle: { enabled: false },
    });
    const [owner = '', repo = ''] = this.config.repository.split('/');
    try {
      await this.tell(octokit, { owner, repo }, notice);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      // eslint-disable-next-line preserve-caught-error -- it has the request with the token
      throw new Error(this.explain(error, token));
    }
  }

  private async tell(octokit: Octokit, where: Repository, notice: Notice): Promise<void> {
    const open = await this.openIssue(octokit, where, notice.fingerprint);
    if (notice.state === 'firing') {
      if (open) await comment(octokit, where, open, notice);
      else await this.create(octokit, where, notice);
    } else if (notice.state === 'resolved') {
      if (open) await this.end(octokit, where, open, notice);
    } else {
      const issue = open ?? (await this.create(octokit, where, notice));
      await close(octokit, where, issue);
    }
  }

  /**
   * The one open issue of an alert. Not by GitHub's search, which finds new issues only after a while. The last ones that
   * anything happened in come first: what fires again and again is among them.
   */
  private async openIssue(octokit: Octokit, where: Repository, fingerprint: string): Promise<Issue | undefined> {
    const wanted = alertMark(fingerprint);
    let pages = 0;
    const request = { ...where, state: 'open', labels: this.config.label, per_page: 100 } as const;
    const newest = { ...request, sort: 'updated', direction: 'desc' } as const;
    for await (const { data } of octokit.paginate.iterator(octokit.rest.issues.listForRepo, newest)) {
      // Another one for the same alert would be one more that nobody finds.
      if (pages === MOST_PAGES) throw new TooMany(this.config);
      const found = data.find((issue) => issue.body?.includes(wanted) && issue.pull_request === undefined);
      if (found) return found;
      pages += 1;
    }
    return undefined;
  }

  private async create(octokit: Octokit, where: Repository, notice: Notice): Promise<Issue> {
    const { label, labels, assignees } = this.config;
    const { data } = await octokit.rest.issues.create({
      ...where,
      title: issueTitle(notice),
      body: issueBody(notice),
      labels: [...new Set([label, ...labels])],
      assignees,
    });
    return data;
  }

  private async end(octokit: Octokit, where: Repository, issue: Issue, notice: Notice): Promise<void> {
    await comment(octokit, where, issue, notice);
    if (this.config.close) await close(octokit, where, issue);
  }

  private explain(error: unknown, token: string): string {
    if (error instanceof TooMany) return error.message;
    const { status, message, response, cause } = error as Failure;
    const { repository, tokenEnv } = this.config;
    const said = clip(conceal(String((response ? message : cause?.message) ?? message), [token]), 300);
    if (!response) return `GitHub cannot be reached: ${said}`;
    if (status === 401) return `GitHub refused the token in ${tokenEnv}: ${said}`;
    if (isRateLimit(error as Failure))
      return `GitHub takes no more requests of the token in ${tokenEnv} for now, which are limited per hour: ${said}`;
    if (status === 403) return `GitHub does not let the token in ${tokenEnv} write issues in ${repository}: ${said}`;
    if (status === 404)
      return `there is no repository ${repository} for the token in ${tokenEnv}, or it has no right to it`;
    if (status === 410) return `issues are turned off in ${repository}`;
    return `GitHub answered ${status}: ${said}`;
  }
}

class TooMany extends Error {
  constructor({ repository, label }: GithubIssueConfig) {
    super(
      `${repository} has more than ${MOST_PAGES * 100} open issues with the label ${label}, and none that is known to be this alert's: close those that are over`,
    );
  }
}

/** The first limit is told by what is left of it, the second one (of too much at once) by when to come back. */
function isRateLimit({ status, message, response }: Failure): boolean {
  if (status === 429) return true;
  const headers = response?.headers ?? {};
  const told = String(headers['x-ratelimit-remaining']) === '0' || headers['retry-after'] !== undefined;
  return status === 403 && (told || /rate limit/i.test(message ?? ''));
}

/** Once per notice, also when it is sent again because nobody knows whether it arrived: then after it was made. */
async function comment(octokit: Octokit, where: Repository, issue: Issue, notice: Notice): Promise<void> {
  const said = noticeMark(notice.id);
  if (issue.body?.includes(said)) return;
  const at = { ...where, issue_number: issue.number };
  const since = new Date(notice.at.getTime() - CLOCKS_APART_MS).toISOString();
  const comments = await octokit.paginate(octokit.rest.issues.listComments, { ...at, since, per_page: 100 });
  if (comments.some(({ body }) => body?.includes(said))) return;
  await octokit.rest.issues.createComment({ ...at, body: issueBody(notice) });
}

async function close(octokit: Octokit, where: Repository, { number }: Issue): Promise<void> {
  await octokit.rest.issues.update({ ...where, issue_number: number, state: 'closed', state_reason: 'completed' });
}
