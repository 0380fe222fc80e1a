import { type ChatChunk, ProviderError, readChatUsage } from '@purser/plugin-sdk';
import type { ChatCall, ReadEvent, StreamReader, StreamWriter } from '../dialect.js';
import type { SseEvent } from '../server-sent-events.js';
import { chunkBytes, type Choices, ends, isUsageOnly } from './figures.js';
import { wantsUsage } from './request.js';

interface Chunk extends Choices {
  error?: { message?: unknown } | string | null;
  service_tier?: unknown;
}

export const chatDone: SseEvent = { data: '[DONE]' };

/** Chunks that travel as they came. */
export class ChatStreamReader implements StreamReader {
  private readonly showsUsage: boolean;

  constructor(call: ChatCall) {
    this.showsUsage = wantsUsage(call);
  }

  read({ data }: SseEvent): ReadEvent {
    // The gateway ends the stream itself, when it has said what the call cost.
    if (data === '[DONE]') return { bytes: 0, hidden: true, ended: true };
    const chunk = parse(data);
    if (chunk.error !== undefined && chunk.error !== null) return { bytes: 0, failure: failure(chunk.error) };
    return {
      bytes: chunkBytes(chunk),
      usage: readChatUsage(chunk.usage, chunk.service_tier),
      hidden: !this.showsUsage && isUsageOnly(chunk),
      ended: ends(chunk),
    };
  }
}

/** Chunks of a plugin. */
export class ChatStreamWriter implements StreamWriter {
  private readonly showsUsage: boolean;

  constructor(call: ChatCall) {
    this.showsUsage = wantsUsage(call);
  }

  write({ chunk }: ChatChunk): SseEvent[] {
    if (!this.showsUsage && isUsageOnly(chunk)) return [];
    return [{ data: JSON.stringify(chunk) }];
  }

  end(): SseEvent[] {
    return [];
  }
}

function parse(data: string): Chunk {
  const chunk: unknown = JSON.parse(data);
  if (typeof chunk === 'object' && chunk !== null) return chunk;
  throw new ProviderError('unknown', 'an event of the stream is not a JSON object', { mayBill: true });
}

function failure(error: NonNullable<Chunk['error']>): ProviderError {
  const message = typeof error === 'string' ? error : error.message;
  return new ProviderError('overloaded', typeof message === 'string' ? message : 'the stream reports an error', {
    mayBill: true,
  });
}
