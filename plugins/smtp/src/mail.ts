import { createHash } from 'node:crypto';
import { clip, type Notice, oneLine } from '@purser/plugin-sdk';

const MOST_DETAILS = 20_000;

/** What a mail says, apart from who gets it. */
export interface Mail {
  subject: string;
  text: string;
  messageId: string;
  references: string;
  date: Date;
  priority: 'high' | 'normal';
  headers: Record<string, string>;
}

const LABELS: Record<Notice['state'], (notice: Notice) => string> = {
  firing: ({ severity }) => severity.toUpperCase(),
  resolved: () => 'RESOLVED',
  report: () => 'REPORT',
  test: () => 'TEST',
};

/**
 * A mail that is sent again has the same Message-ID, so that it is shown once where it had arrived after all; all mails of
 * one alert hang together as a thread.
 */
export function mailOf(notice: Notice): Mail {
  const { id, fingerprint, state, severity, kind, title, text, details, at } = notice;
  const shown = Object.keys(details).length === 0 ? '' : clip(JSON.stringify(details, null, 2), MOST_DETAILS);
  return {
    subject: clip(`[Purser] ${LABELS[state](notice)}: ${oneLine(title)}`, 200),
    text: [text.trim() || title, shown, `${state} · ${severity} · ${kind} · ${at.toISOString()}\n${fingerprint}`]
      .filter((part) => part !== '')
      .join('\n\n'),
    messageId: `<${hash(id)}@purser>`,
    references: `<${hash(fingerprint)}@purser>`,
    date: at,
    priority: severity === 'critical' && state === 'firing' ? 'high' : 'normal',
    headers: {
      // Answered by no out-of-office note.
      'Auto-Submitted': 'auto-generated',
      'X-Purser-State': state,
      'X-Purser-Severity': severity,
      'X-Purser-Fingerprint': clip(oneLine(fingerprint), 200),
    },
  };
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32);
