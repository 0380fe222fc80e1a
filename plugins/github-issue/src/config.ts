import { z } from 'zod';

export const GithubIssueConfig = z.strictObject({
  repository: z.string().regex(/^[\w.-]+\/[\w.-]+$/, 'owner and name, such as "acme/ops"'),
  /** Marks the issues that are Purser's; it makes the label where there is none. */
  label: z.string().min(1).max(50).default('purser-alert'),
  /** More labels for new issues. */
  labels: z.array(z.string().min(1).max(50)).max(20).default([]),
  assignees: z.array(z.string().min(1)).max(10).default([]),
  /** Whether an issue is closed when its alert is over; else that is told in a comment. */
  close: z.boolean().default(true),
  tokenEnv: z.string().default('GITHUB_TOKEN'),
  /** Of a GitHub Enterprise Server, such as "https://github.example.org/api/v3"; else GITHUB_API_URL, else GitHub's own. */
  baseUrl: z.url({ protocol: /^https?$/, error: 'an http or https URL' }).optional(),
});
export type GithubIssueConfig = z.output<typeof GithubIssueConfig>;
