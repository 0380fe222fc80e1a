import type { ChildProcess } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
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
      const aborted = () => {
        // One whose desktop hangs would stay, and one more with each attempt.
        if (program) end(program);
        reject(signal.reason as Error);
      };
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
      const program = startedBy(() =>
        notifier.notify(options, (error: unknown) => {
          signal.removeEventListener('abort', aborted);
          if (failed(error)) reject(new Error(explain(error)));
          else resolve();
        }),
      );
    });
  }
}

/** node-notifier does not give its program away. Where it starts one only later (macOS), that ends by itself. */
function startedBy(start: () => void): ChildProcess | undefined {
  let program: ChildProcess | undefined;
  const seen = (message: unknown): void => {
    program ??= (message as { process: ChildProcess }).process;
  };
  subscribe('child_process', seen);
  try {
    start();
  } finally {
    unsubscribe('child_process', seen);
  }
  return program;
}

/** A shell is given the command, and some shells wait for it: that one first, while it is known whose it is. */
function end(program: ChildProcess): void {
  for (const pid of childrenOf(program.pid)) process.kill(pid, 'SIGKILL');
  program.kill('SIGKILL');
}

function childrenOf(pid: number | undefined): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
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
