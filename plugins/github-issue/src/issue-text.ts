import { clip, type Notice, oneLine } from '@purser/plugin-sdk';

/** GitHub's own limits, with room for what is put around. */
const MOST_TITLE = 250;
const MOST_TEXT = 10_000;
const MOST_DETAILS = 40_000;

/** Invisible in the page; by these an issue and what was said in it are found again. */
export const alertMark = (fingerprint: string): string => mark('alert', fingerprint);
export const noticeMark = (id: string): string => mark('notice', id);

/** By way of bytes: half a character cannot be encoded otherwise. */
const mark = (what: string, value: string): string =>
  `<!-- purser-${what}: ${encodeURIComponent(Buffer.from(value).toString())} -->`;

export const issueTitle = ({ title }: Notice): string => clip(oneLine(title), MOST_TITLE);

/** What others wrote stands in code blocks: nobody is mentioned, and no other issue is referred to. */
export function issueBody(notice: Notice): string {
  const { id, fingerprint, state, severity, kind, title, text, details, at } = notice;
  const parts = [
    `**${state === 'firing' ? severity : state}** · \`${kind}\` · ${at.toISOString()}`,
    fenced('text', clip(text.trim() || title, MOST_TEXT)),
  ];
  if (Object.keys(details).length > 0)
    parts.push(
      `<details><summary>Details</summary>\n\n${fenced('json', clip(JSON.stringify(details, null, 2), MOST_DETAILS))}\n\n</details>`,
    );
  parts.push(`${alertMark(fingerprint)}\n${noticeMark(id)}`);
  return parts.join('\n\n');
}

/** A fence longer than any in the text, which so cannot end it. */
function fenced(language: string, text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}
