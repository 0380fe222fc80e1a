import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { clip, type Notice, oneLine } from '@purser/plugin-sdk';
import type { Post, Target } from './posts.js';

const EVENTS_URL = 'https://events.pagerduty.com/v2/enqueue';

/** Limits of the Events API v2: characters of a summary and of a dedup_key, and bytes of an event, with room to spare. */
const MOST_SUMMARY = 1_024;
const MOST_KEY = 255;
const MOST_DETAILS = 300_000;

/** Opens an incident under the alert's fingerprint, which the end of the alert resolves. A test does both. */
export function pagerdutyPosts(notice: Notice, { url = EVENTS_URL, token }: Target): Post[] {
  const event = { routing_key: token, dedup_key: dedupKey(notice.fingerprint) };
  const trigger = { url, body: { ...event, event_action: 'trigger', ...described(notice) } };
  const resolve = { url, body: { ...event, event_action: 'resolve' } };
  if (notice.state === 'resolved') return [resolve];
  return notice.state === 'test' ? [trigger, resolve] : [trigger];
}

function described({ id, title, text, severity, kind, details, at }: Notice): object {
  const whole = JSON.stringify(details);
  return {
    client: 'Purser',
    payload: {
      summary: clip(oneLine(title), MOST_SUMMARY),
      source: hostname(),
      severity,
      timestamp: at.toISOString(),
      component: 'purser',
      class: kind,
      custom_details: {
        notice: id,
        text: clip(text, MOST_SUMMARY * 4),
        ...(Buffer.byteLength(whole) > MOST_DETAILS ? { details: clip(whole, MOST_DETAILS / 4) } : { details }),
      },
    },
  };
}

/** Two that are cut must not become one. */
function dedupKey(fingerprint: string): string {
  if (fingerprint.length <= MOST_KEY) return fingerprint;
  const hash = createHash('sha256').update(fingerprint).digest('hex').slice(0, 32);
  return `${fingerprint.slice(0, MOST_KEY - hash.length - 1)}#${hash}`;
}
