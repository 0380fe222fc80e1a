import { Inject, Injectable } from '@nestjs/common';
import { CONFIG } from '@purser/service';
import { Octokit } from 'octokit';
import type { Config } from '../config.js';
import { withoutCredentials } from '../workspaces/git-environment.js';
import { type GitHubRepository, onGitHub } from '../workspaces/repository-address.js';

export interface Proposal {
  repository: string;
  base: string;
  branch: string;
  title: string;
  body: string;
}

export type ProposalEnd = { kind: 'open'; url: string } | { kind: 'none'; why: string };

const TRIES = 3;
const CALL_MS = 15_000;
const FIRST_WAIT_MS = 500;

interface Failure {
  status?: number;
  message?: string;
  response?: unknown;
}

/** Asks for a branch to be taken over, where the repository is on the GitHub that is configured. */
@Injectable()
export class PullRequests {
  constructor(@Inject(CONFIG) private readonly config: Config) {}

  /** One for each branch, however often it is asked for. Never rejects. */
  async open(proposal: Proposal): Promise<ProposalEnd> {
    const { GITHUB_TOKEN: token, GITHUB_API_URL: baseUrl } = this.config;
    if (token === undefined) return { kind: 'none', why: 'the runner has no GITHUB_TOKEN' };
    const where = onGitHub(proposal.repository, baseUrl);
    if (!where) return { kind: 'none', why: `the repository is none of the GitHub at ${baseUrl}` };
    const octokit = new Octokit({
      auth: token,
      userAgent: 'purser',
      baseUrl,
      // Whoever waits here holds a session open: a few tries of our own.
      retry: { enabled: false },
      throttle: { enabled: false },
    });
    for (let tries = 1, waitMs = FIRST_WAIT_MS; ; tries += 1, waitMs *= 4) {
      try {
        return { kind: 'open', url: await findOrCreate(octokit, where, proposal) };
      } catch (error) {
        const { status = 500, message = '' } = error as Failure;
        if (tries === TRIES || (status < 500 && status !== 429))
          return { kind: 'none', why: `GitHub said ${status}: ${withoutCredentials(message, [token])}` };
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
}

/** A request whose answer was lost may have been carried out, and an earlier session may have asked: so it looks first. */
async function findOrCreate(
  octokit: Octokit,
  where: GitHubRepository,
  { base, branch, title, body }: Proposal,
): Promise<string> {
  const request = { signal: AbortSignal.timeout(CALL_MS) };
  const head = `${where.owner}:${branch}`;
  const { data: open } = await octokit.rest.pulls.list({ ...where, head, state: 'open', per_page: 1, request });
  if (open[0]) return open[0].html_url;
  const { data } = await octokit.rest.pulls.create({ ...where, base, head: branch, title, body, request });
  return data.html_url;
}
