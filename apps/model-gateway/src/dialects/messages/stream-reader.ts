import { ProviderError, type ProviderErrorKind } from '@purser/plugin-sdk';
import type { ReadEvent, StreamReader } from '../dialect.js';
import type { SseEvent } from '../server-sent-events.js';
import { outputBytes, readUsage, type Written } from './figures.js';

interface Event {
  type?: unknown;
  message?: { usage?: unknown } | null;
  content_block?: Written | null;
  delta?: Written | null;
  usage?: unknown;
  error?: { type?: unknown; message?: unknown } | null;
}

const KINDS: Readonly<Record<string, ProviderErrorKind>> = {
  rate_limit_error: 'rate_limited',
  timeout_error: 'timeout',
  invalid_request_error: 'invalid_request',
  authentication_error: 'auth',
  permission_error: 'auth',
};

/** Events that travel as they came. */
export class MessageStreamReader implements StreamReader {
  /** Told at the start, and in part again at the end. */
  private usage: Record<string, unknown> = {};

  read({ data }: SseEvent): ReadEvent {
    const event = parse(data);
    switch (event.type) {
      case 'message_start':
        this.take(event.message?.usage);
        return { bytes: 0 };
      case 'content_block_start':
        return { bytes: outputBytes({ ...event.content_block, input: undefined }) };
      case 'content_block_delta':
        return { bytes: outputBytes(event.delta) };
      case 'message_delta':
        this.take(event.usage);
        return { bytes: 0, usage: readUsage(this.usage) };
      case 'message_stop':
        return { bytes: 0, ended: true };
      case 'error':
        return { bytes: 0, failure: failure(event.error) };
      default:
        return { bytes: 0 };
    }
  }

  /** Counts are of the whole message so far, and those that are left out or null stay as they were. */
  private take(usage: unknown): void {
    if (typeof usage !== 'object' || usage === null) return;
    for (const [name, value] of Object.entries(usage)) if (value !== null) this.usage[name] = value;
  }
}

function parse(data: string): Event {
  const event: unknown = JSON.parse(data);
  if (typeof event === 'object' && event !== null) return event;
  throw new ProviderError('unknown', 'an event of the stream is not a JSON object', { mayBill: true });
}

function failure(error: Event['error']): ProviderError {
  const message = typeof error?.message === 'string' ? error.message : 'the stream reports an error';
  return new ProviderError(KINDS[String(error?.type)] ?? 'overloaded', message, { mayBill: true });
}
