import { clip, type Notice, oneLine } from '@purser/plugin-sdk';
import { lookOf } from './looks.js';

/** Bytes; a longer message becomes an attachment. */
const MOST_MESSAGE = 4_096;
const MOST_TITLE = 250;

/** 1 to 5; 5 rings through. */
const PRIORITY = { info: 2, warning: 3, critical: 5 } as const;

/** As JSON to the server's root, which takes any characters; headers, the other way, do not. */
export function ntfyPost(notice: Notice, address: string): { url: string; body: unknown } {
  const { title, text, state, severity, kind } = notice;
  const url = new URL(address);
  const [topic = '', ...more] = url.pathname
    .split('/')
    .filter((part) => part !== '')
    .reverse();
  if (topic === '') throw new Error('the URL of ntfy ends with the topic, such as "https://ntfy.sh/my-topic"');
  url.pathname = `/${more.reverse().join('/')}`;
  return {
    url: url.href,
    body: {
      topic: decodeURIComponent(topic),
      title: clip(oneLine(title), MOST_TITLE),
      message: clipBytes(text.trim() || oneLine(title), MOST_MESSAGE),
      priority: state === 'firing' ? PRIORITY[severity] : 2,
      tags: [lookOf(notice).tag, kind],
    },
  };
}

function clipBytes(text: string, most: number): string {
  let shown = clip(text, most);
  while (Buffer.byteLength(shown) > most) shown = clip(shown, Math.floor(shown.length * 0.9));
  return shown;
}
