import { Readable } from 'node:stream';
import { Agent } from 'undici';
import { type CallEnding, endingOf, throwIfEnded } from './call-ending.js';
import { conceal } from './conceal.js';
import { type AnswerHead, HttpExchange } from './http-exchange.js';
import type { CallOptions, ProviderError } from './model-provider.js';
import type { PassThrough, PassThroughAnswer, PassThroughRequest } from './pass-through.js';
import { failureFromNetwork, failureFromStatus } from './provider-failures.js';

/** Where one call goes. */
export interface HttpTarget {
  url: string;
  /** Of this call, the key's included; lower case. */
  headers: Readonly<Record<string, string>>;
  /** The address as errors may show it: no user name, no password. */
  shown: string;
  /** What must not appear in an error, whatever the server says. */
  secrets?: readonly (string | undefined)[];
}

export interface HttpPassThroughOptions {
  /** Asked for every call: keys may be rotated. Throws a ProviderError when the call cannot be made. */
  target: (request: PassThroughRequest) => HttpTarget;
  /** As `PassThrough.adapt`. */
  adapt?: (body: Readonly<Record<string, unknown>>, streaming: boolean) => Record<string, unknown>;
  /** Until the answer begins, and between two pieces of it. Standard: 10 min; the gateway's own deadline comes as the signal. */
  silenceMs?: number;
  /** Ends the connections when it aborts: a plugin's own, at its service's stop. */
  closing?: AbortSignal;
}

const standardSilenceMs = 10 * 60_000;
/** Servers close idle connections after 5 s and more; a call on one that is just being closed would count as made. */
const idleMs = 4000;
/** Of an error's body; what is beyond is no message for a person. */
const maxErrorBytes = 64 * 1024;
const maxMessage = 2000;

const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

interface ErrorBody {
  message?: unknown;
  error?: string | { message?: unknown; code?: unknown; type?: unknown; details?: { error_code?: unknown } | null };
}

/** The message and code of an error as OpenAI and Anthropic write it, and most who follow them. */
function readError(text: string): { message: string | undefined; code: string | undefined } {
  try {
    const { error, message } = (JSON.parse(text) ?? {}) as ErrorBody;
    if (typeof error !== 'object' || error === null) return { message: textOf(error ?? message), code: undefined };
    const code = textOf(error.code) ?? textOf(error.details?.error_code) ?? textOf(error.type);
    return { message: textOf(error.message), code };
  } catch {
    // Not JSON: a proxy's own page, which says it in its text.
    return { message: textOf(text.trim()), code: undefined };
  }
}

async function readBounded(body: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body) {
    parts.push(part);
    size += part.length;
    if (size >= maxErrorBytes) break;
  }
  return Buffer.concat(parts).toString('utf8', 0, maxErrorBytes);
}

function headersOf({ headers: given }: AnswerHead): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(given)) for (const one of [value ?? []].flat()) headers.append(name, one);
  return headers;
}

const headerOf = ({ headers }: AnswerHead, name: string): string => {
  const value = headers[name];
  return value === undefined ? '' : typeof value === 'string' ? value : value.join();
};

/** A provider's way over HTTP: the client's bytes go out as they are, and the answer's bytes come back so. */
export function httpPassThrough({
  target: targetOf,
  adapt,
  silenceMs = standardSilenceMs,
  closing,
}: HttpPassThroughOptions): PassThrough {
  const agent = new Agent({
    keepAliveTimeout: idleMs,
    headersTimeout: silenceMs,
    bodyTimeout: silenceMs,
    // A connection for each call: one that breaks ends one call, and leaving an answer closes it.
    allowH2: false,
  });
  closing?.addEventListener('abort', () => void agent.destroy().catch(() => undefined), { once: true });
  const placeOf = remembered((url: string) => {
    const { origin, pathname, search } = new URL(url);
    return { origin, path: `${pathname}${search}` };
  });

  const post = (request: PassThroughRequest, target: HttpTarget, ending: CallEnding): HttpExchange => {
    const { url, headers } = target;
    const exchange = new HttpExchange(ending, (error) => networkFailure(error, target, ending));
    const { body } = request;
    agent.dispatch(
      {
        ...placeOf(url),
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: request.streaming ? 'text/event-stream' : 'application/json',
          'accept-encoding': 'identity',
          ...headers,
          'content-length': String(body.reduce((sum, part) => sum + part.length, 0)),
        },
        body: body.length === 1 && body[0] ? body[0] : Readable.from(body, { objectMode: false }),
      },
      exchange,
    );
    return exchange;
  };

  /** What cannot even be sent fails as the network would. */
  const begin: typeof post = (request, target, ending) => {
    try {
      return post(request, target, ending);
    } catch (error) {
      throw networkFailure(error, target, ending);
    }
  };

  return {
    ...(adapt ? { adapt } : {}),
    async send(request: PassThroughRequest, options: CallOptions): Promise<PassThroughAnswer> {
      throwIfEnded(options);
      const ending = endingOf(options);
      const target = targetOf(request);
      const exchange = begin(request, target, ending);
      const head = await exchange.head;
      if (head.status < 200 || head.status > 299) throw await refusal(head, exchange, target, ending);
      const encoding = headerOf(head, 'content-encoding');
      if (encoding !== '' && encoding !== 'identity') {
        exchange.leave();
        throw failureFromNetwork(`the answer is encoded as ${encoding}, which was not asked for`, target.shown);
      }
      return { contentType: headerOf(head, 'content-type'), body: exchange };
    },
  };
}

/** Addresses hardly ever change. */
function remembered<T>(make: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    let value = known.get(text);
    if (value === undefined) {
      if (known.size >= 100) known.clear();
      value = make(text);
      known.set(text, value);
    }
    return value;
  };
}

/** The error of the network; after an abort its own reason. */
function networkFailure(error: unknown, { shown, secrets = [] }: HttpTarget, ending: CallEnding): Error {
  if (ending.aborted) return ending.reason as Error;
  const failure = failureFromNetwork(error, shown);
  failure.message = conceal(failure.message, secrets);
  return failure;
}

async function refusal(
  head: AnswerHead,
  body: AsyncIterable<Uint8Array>,
  { shown, secrets = [] }: HttpTarget,
  ending: CallEnding,
): Promise<ProviderError> {
  // A refusal whose text breaks off is a refusal all the same.
  const text = await readBounded(body).catch(() => '');
  if (ending.aborted) throw ending.reason;
  const { message, code } = readError(text);
  const said = conceal(message ?? `${shown} answered ${head.status}`, secrets).slice(0, maxMessage);
  return failureFromStatus(head.status, said, { headers: headersOf(head), code });
}
