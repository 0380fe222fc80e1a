import { ProviderError, type ProviderErrorKind, type Usage } from '@purser/plugin-sdk';
import type { AnswerFigures, ReadEvent, StreamReader } from '../dialect.js';
import type { SseEvent } from '../server-sent-events.js';
import { eventBytes, outputBytes, type OutputItem, readResponseUsage } from './figures.js';

interface Told {
  message?: unknown;
  code?: unknown;
}

interface Answer {
  status?: unknown;
  error?: Told | null;
  usage?: unknown;
  service_tier?: unknown;
  output?: unknown;
}

interface Event extends Told {
  type?: unknown;
  delta?: unknown;
  item?: OutputItem | null;
  response?: Answer | null;
  error?: Told | string | null;
}

const TERMINAL = new Set(['response.completed', 'response.incomplete']);

const KINDS: Readonly<Record<string, ProviderErrorKind>> = {
  rate_limit_exceeded: 'rate_limited',
  invalid_prompt: 'invalid_request',
};

/** The model had begun when this was told, so it may be billed; a response that failed may say for how much. */
function failure(told: Told | string | null | undefined, usage?: Usage): ProviderError {
  const { message, code } = typeof told === 'string' ? { message: told, code: undefined } : (told ?? {});
  const kind = KINDS[String(code)] ?? 'overloaded';
  const said = typeof message === 'string' && message !== '' ? message : 'the response failed, with no reason given';
  return new ProviderError(kind, said, { mayBill: true, usage });
}

const usageOf = ({ usage, service_tier: tier }: Answer): Usage | undefined => readResponseUsage(usage, tier);

/** A whole response. One that failed within is a provider's failure like any other, though its status was a success. */
export function readAnswer(answer: Answer): AnswerFigures {
  if (answer.status === 'failed' || answer.status === 'cancelled') throw failure(answer.error, usageOf(answer));
  return { usage: usageOf(answer), bytes: outputBytes(answer.output) };
}

/** Events that travel as they came. */
export class ResponsesStreamReader implements StreamReader {
  read({ data }: SseEvent): ReadEvent {
    // Not of this protocol, but some servers say it all the same; clients of OpenAI would take it for an event.
    if (data === '[DONE]') return { bytes: 0, hidden: true };
    const event = parse(data);
    if (event.type === 'error') return { bytes: 0, failure: failure(event.error ?? event) };
    if (event.type === 'response.failed')
      return { bytes: 0, failure: failure(event.response?.error, usageOf(event.response ?? {})) };
    if (event.type === undefined && event.error) return { bytes: 0, failure: failure(event.error) };
    return {
      bytes: eventBytes(event),
      usage: usageOf(event.response ?? {}),
      ended: TERMINAL.has(String(event.type)),
    };
  }
}

function parse(data: string): Event {
  const event: unknown = JSON.parse(data);
  if (typeof event === 'object' && event !== null) return event;
  throw new ProviderError('unknown', 'an event of the stream is not a JSON object', { mayBill: true });
}
