import { setTimeout as delay } from 'node:timers/promises';
import { CloudEvent, isPurserError, PurserError } from '@purser/contracts';
import type { ControlApi } from './control-api.js';
import { SseParser } from './sse-parser.js';

const AGAIN_MS = 1_000;
/** How long a restart of Purser may take while a command follows events. */
const PATIENCE_MS = 60_000;
/** Purser says something at least every 15 s: a connection that says nothing for longer is dead. */
const SILENCE_MS = 45_000;

export interface EventQuery {
  subjects?: string | undefined;
  task?: string | undefined;
  after?: number | undefined;
}

export type Happening =
  | { kind: 'event'; place: number; event: CloudEvent }
  /** From here on nothing is missed; told once. */
  | { kind: 'open' }
  /** Something was missed. */
  | { kind: 'gap'; reason: string };

/** What happens, from now on or from a place on, over restarts of Purser and lost connections. Throws when it stays away. */
export async function* followEvents(
  api: ControlApi,
  { subjects, task, after }: EventQuery,
  signal: AbortSignal,
): AsyncGenerator<Happening> {
  const query = new URLSearchParams({
    ...(subjects !== undefined && { subjects }),
    ...(task !== undefined && { task }),
    ...(after !== undefined && { after: String(after) }),
  }).toString();
  const target = query === '' ? '/v1/events' : `/v1/events?${query}`;
  let last: string | undefined;
  let opened = false;
  let heardAt = performance.now();
  for (;;) {
    try {
      for await (const { id, event, data } of connect(api, target, last, signal)) {
        heardAt = performance.now();
        last = id ?? last;
        if (event === 'gap') yield { kind: 'gap', reason: (JSON.parse(data) as { reason: string }).reason };
        else if (event === 'open' && !opened) {
          opened = true;
          yield { kind: 'open' };
        } else if (event === undefined) {
          yield { kind: 'event', place: Number(id), event: CloudEvent.parse(JSON.parse(data)) };
        }
      }
    } catch (error) {
      signal.throwIfAborted();
      const passing = isPurserError(error) && error.retryable && performance.now() - heardAt < PATIENCE_MS;
      if (!passing) throw error;
    }
    await delay(AGAIN_MS, undefined, { signal });
  }
}

async function* connect(api: ControlApi, target: string, last: string | undefined, signal: AbortSignal) {
  const silent = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(
      () => silent.abort(new PurserError('timeout', { message: 'Purser says nothing any more' })),
      SILENCE_MS,
    );
  };
  heard();
  try {
    const headers = { accept: 'text/event-stream', ...(last !== undefined && { 'last-event-id': last }) };
    const response = await api.stream(target, headers, AbortSignal.any([signal, silent.signal]));
    const parser = new SseParser();
    const decoder = new TextDecoder();
    try {
      for await (const chunk of response.body ?? []) {
        heard();
        yield* parser.take(decoder.decode(chunk as Uint8Array, { stream: true }));
      }
    } catch (cause) {
      signal.throwIfAborted();
      throw isPurserError(cause) ? cause : api.unreachable(cause);
    }
  } finally {
    clearTimeout(timer);
  }
}
