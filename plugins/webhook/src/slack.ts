import { clip, type Notice, oneLine } from '@purser/plugin-sdk';
import { labelOf, lookOf } from './looks.js';

/** Limits of Block Kit: a header's text, a section's text, an element of a context; and of the text of a message. */
const MOST_HEADER = 150;
const MOST_SECTION = 3_000;
const MOST_CONTEXT = 2_000;
const MOST_TEXT = 4_000;

/** For an incoming webhook: blocks, and a plain text for notifications and screen readers. */
export function slackPost(notice: Notice): unknown {
  const { title, text, kind, fingerprint, at } = notice;
  const { emoji } = lookOf(notice);
  const heading = `${emoji} ${oneLine(title)}`;
  const context = `${labelOf(notice)} · ${kind} · <!date^${Math.floor(at.getTime() / 1_000)}^{date_short_pretty} {time}|${at.toISOString()}> · ${escaped(fingerprint)}`;
  return {
    text: escapedTo(heading, MOST_TEXT),
    blocks: [
      { type: 'header', text: { type: 'plain_text', text: clip(heading, MOST_HEADER), emoji: true } },
      ...(text.trim() === '' || text === title
        ? []
        : [{ type: 'section', text: { type: 'mrkdwn', text: escapedTo(text.trim(), MOST_SECTION), verbatim: true } }]),
      { type: 'context', elements: [{ type: 'mrkdwn', text: clip(context, MOST_CONTEXT), verbatim: true }] },
    ],
  };
}

/** Slack's three control characters; nobody is mentioned by what others wrote. */
const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Cut before it is escaped, as often as it takes: an entity cut in two would be shown as garbage. */
function escapedTo(text: string, most: number): string {
  for (let room = most; ; room = Math.floor(room * 0.8)) {
    const shown = escaped(clip(text, room));
    if (shown.length <= most) return shown;
  }
}
