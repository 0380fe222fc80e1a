import type { Notice } from '@purser/plugin-sdk';
import { discordPost } from './discord.js';
import { ntfyPost } from './ntfy.js';
import { pagerdutyPosts } from './pagerduty.js';
import { slackPost } from './slack.js';
import type { WebhookConfig } from './config.js';

/** One request to the other side. */
export interface Post {
  url: string;
  body: unknown;
  headers?: Record<string, string>;
}

export interface Target {
  /** As configured. */
  url: string | undefined;
  token: string | undefined;
}

type Template = WebhookConfig['template'];

/** What is sent, one after the other, for a notice. */
export const POSTS: Record<Template, (notice: Notice, target: Target) => Post[]> = {
  standard: (notice, target) => [{ url: target.url ?? '', body: standardBody(notice), headers: bearer(target) }],
  slack: (notice, target) => [{ url: target.url ?? '', body: slackPost(notice), headers: bearer(target) }],
  discord: (notice, target) => [{ url: target.url ?? '', body: discordPost(notice), headers: bearer(target) }],
  ntfy: (notice, target) => [{ ...ntfyPost(notice, target.url ?? ''), headers: bearer(target) }],
  pagerduty: pagerdutyPosts,
};

const bearer = ({ token }: Target): Record<string, string> =>
  token === undefined ? {} : { authorization: `Bearer ${token}` };

/** Type, time and data, as the Standard Webhooks specification recommends. */
const standardBody = ({ at, ...notice }: Notice) => ({
  type: `alert.${notice.state}`,
  timestamp: at.toISOString(),
  data: { ...notice, at: at.toISOString() },
});
