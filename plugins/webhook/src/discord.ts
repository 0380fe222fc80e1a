import { clip, type Notice, oneLine } from '@purser/plugin-sdk';
import { labelOf, lookOf } from './looks.js';

/** Limits of an embed: title, description, a field's value, the footer. All together they stay under 6,000. */
const MOST_TITLE = 256;
const MOST_DESCRIPTION = 4_096;
const MOST_FIELD = 1_024;
const MOST_FOOTER = 300;

/** For a webhook of a channel. */
export function discordPost(notice: Notice): unknown {
  const { title, text, kind, fingerprint, at } = notice;
  const inline = (name: string, value: string) => ({ name, value: clip(value, MOST_FIELD), inline: true });
  return {
    username: 'Purser',
    embeds: [
      {
        title: clip(oneLine(title), MOST_TITLE),
        ...(text.trim() === '' || text === title ? {} : { description: clip(text.trim(), MOST_DESCRIPTION) }),
        color: lookOf(notice).colour,
        timestamp: at.toISOString(),
        fields: [inline('Level', labelOf(notice)), inline('Kind', kind)],
        footer: { text: clip(oneLine(fingerprint), MOST_FOOTER) },
      },
    ],
    // Whatever stands in a notice mentions nobody.
    allowed_mentions: { parse: [] },
  };
}
