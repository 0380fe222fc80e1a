import { Readable } from 'node:stream';
import { Agent, type Dispatcher, request as send } from 'undici';
import { conceal } from './conceal.js';
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

async function readBounded(body: Dispatcher.ResponseData['body']): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body as AsyncIterable<Uint8Array>) {
    parts.push(part);
    size += part.length;
    if (size >= maxErrorBytes) break;
  }
  return Buffer.concat(parts).toString('utf8', 0, maxErrorBytes);
}

function headersOf(answer: Dispatcher.ResponseData): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(answer.headers))
    for (const one of [value ?? []].flat()) headers.append(name, one);
  return headers;
}

/** A provider's way over HTTP: the client's bytes go out as they are, and the answer's bytes come back so. */
export function httpPassThrough({
  target: targetOf,
  adapt,
  silenceMs = standardSilenceMs,
}: HttpPassThroughOptions): PassThrough {
  const agent = new Agent({
    keepAliveTimeout: idleMs,
    headersTimeout: silenceMs,
    bodyTimeout: silenceMs,
    // A connection for each call: one that breaks ends one call, and leaving an answer closes it.
    allowH2: false,
  });

  const post = (request: PassThroughRequest, target: HttpTarget, signal: AbortSignal) =>
    send(target.url, {
      method: 'POST',
      dispatcher: agent,
      headers: {
        'content-type': 'application/json',
        accept: request.streaming ? 'text/event-stream' : 'application/json',
        'accept-encoding': 'identity',
        ...target.headers,
        'content-length': String(request.body.reduce((sum, part) => sum + part.length, 0)),
      },
      body:
        request.body.length === 1 && request.body[0]
          ? request.body[0]
          : Readable.from(request.body, { objectMode: false }),
      signal,
    });

  return {
    ...(adapt ? { adapt } : {}),
    async send(request: PassThroughRequest, { signal }: CallOptions): Promise<PassThroughAnswer> {
      signal.throwIfAborted();
      const target = targetOf(request);
      const answer = await reached(post(request, target, signal), target, signal);
      const { statusCode, headers, body } = answer;
      // Also when nobody reads the body any more; a reader gets the error by its iterator.
      body.on('error', () => undefined);
      if (statusCode < 200 || statusCode > 299) throw await refusal(answer, target, signal);
      const encoding = [headers['content-encoding'] ?? 'identity'].flat().join();
      if (encoding !== 'identity') {
        body.destroy();
        throw failureFromNetwork(`the answer is encoded as ${encoding}, which was not asked for`, target.shown);
      }
      return { contentType: [headers['content-type'] ?? ''].flat().join(), body: pieces(body, target, signal) };
    },
  };
}

/** What came back, or the error of the network; after an abort the signal's own reason. */
async function reached<T>(work: Promise<T>, { shown, secrets = [] }: HttpTarget, signal: AbortSignal): Promise<T> {
  try {
    return await work;
  } catch (error) {
    signal.throwIfAborted();
    const failure = failureFromNetwork(error, shown);
    failure.message = conceal(failure.message, secrets);
    throw failure;
  }
}

async function refusal(
  answer: Dispatcher.ResponseData,
  { shown, secrets = [] }: HttpTarget,
  signal: AbortSignal,
): Promise<ProviderError> {
  // A refusal whose text breaks off is a refusal all the same.
  const text = await readBounded(answer.body).catch(() => '');
  signal.throwIfAborted();
  const { message, code } = readError(text);
  const said = conceal(message ?? `${shown} answered ${answer.statusCode}`, secrets).slice(0, maxMessage);
  return failureFromStatus(answer.statusCode, said, { headers: headersOf(answer), code });
}

async function* pieces(
  body: Dispatcher.ResponseData['body'],
  target: HttpTarget,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const source = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await reached(source.next(), target, signal);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    // Before its end this closes the connection, which is how a server learns that nobody listens.
    body.destroy();
  }
}
