import { clip, type Notice } from '@purser/plugin-sdk';
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

/** Receivers commonly refuse bodies over 256 KiB or so; whatever is in them takes 6 bytes a character at most. */
const MOST_TEXT = 4_000;
const MOST_DETAILS = 100_000;

/** Type, time and data, as the Standard Webhooks specification recommends. */
const standardBody = ({ at, title, text, details, ...notice }: Notice) => ({
  type: `alert.${notice.state}`,
  timestamp: at.toISOString(),
  data: {
    ...notice,
    title: clip(title, MOST_TEXT),
    text: clip(text, MOST_TEXT),
    details: bounded(details),
    at: at.toISOString(),
  },
});

/** Those that are too large as the beginning of their JSON: all of it is in `purser alerts list`. */
function bounded(details: Notice['details']): Notice['details'] {
  const whole = JSON.stringify(details);
  return Buffer.byteLength(whole) > MOST_DETAILS ? { clipped: clip(whole, MOST_DETAILS / 4) } : details;
}
