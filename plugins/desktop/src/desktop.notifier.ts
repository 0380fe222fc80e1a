import { type CallOptions, clip, type Notice, type Notifier, oneLine } from '@purser/plugin-sdk';
import notifier from 'node-notifier';
import { z } from 'zod';

export const DesktopConfig = z.strictObject({
  /** Seconds that a notification stays; critical ones stay until somebody closes them. */
  showSeconds: z.number().int().min(1).max(3_600).default(10),
});
export type DesktopConfig = z.output<typeof DesktopConfig>;

/** What a popup has room for. */
const MOST_TITLE = 120;
const MOST_TEXT = 400;

const URGENCY = { info: 'low', warning: 'normal', critical: 'critical' } as const;

export class DesktopNotifier implements Notifier {
  constructor(private readonly config: DesktopConfig) {}

  async send(notice: Notice, { signal }: CallOptions): Promise<void> {
    signal.throwIfAborted();
    const { title, message, urgency } = popup(notice);
    const stays = urgency === 'critical';
    await new Promise<void>((resolve, reject) => {
      const aborted = () => reject(signal.reason as Error);
      signal.addEventListener('abort', aborted, { once: true });
      const options = {
        title,
        message,
        urgency,
        'app-name': 'Purser',
        // Seconds; by this name, too, for ever.
        ...(stays ? { 'expire-time': 0 } : { timeout: this.config.showSeconds }),
        // Waiting for a click would keep a process for each notice that nobody closes.
        wait: false,
      };
      notifier.notify(options, (error: unknown) => {
        signal.removeEventListener('abort', aborted);
        if (failed(error)) reject(new Error(explain(error)));
        else resolve();
      });
    });
  }
}

/** Some markup is read by some desktops: what others wrote is shown as it is. */
function popup({ state, severity, title, text }: Notice): { title: string; message: string; urgency: string } {
  const label = state === 'firing' ? severity : state;
  return {
    title: clip(`Purser: ${label}`, MOST_TITLE),
    message: plain(clip([oneLine(title), ...(text === title ? [] : [text.trim()])].join('\n').trim(), MOST_TEXT)),
    urgency: state === 'firing' ? URGENCY[severity] : 'low',
  };
}

const plain = (text: string): string =>
  text
    .replaceAll(/[^\P{Cc}\n]/gu, ' ')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;');

/** Programs that warn on stderr have shown the notice all the same. */
const failed = (error: unknown): boolean => typeof error === 'object' && error !== null;

function explain(error: unknown): string {
  const message = (error as Error).message;
  if (/not found|must be installed|ENOENT/i.test(message))
    return 'notify-send is not installed on this machine (Debian: apt install libnotify-bin), or it has no desktop; ENABLE_DESKTOP_NOTIFICATIONS=false turns this channel off';
  // Its end is what the program said; before that stands what it was given.
  return `the desktop took no notice: ${oneLine(message.slice(-300))}`;
}
