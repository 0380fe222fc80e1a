import { setTimeout as pause } from 'node:timers/promises';
import type { Msg, MsgHdrs, Subscription } from '@nats-io/nats-core';
import {
  type ComponentAnswer,
  type ComponentRequest,
  componentsAsk,
  isPurserError,
  type Operation,
  PurserError,
} from '@purser/contracts';
import { headers } from '@nats-io/nats-core';
import type { Bus } from './bus.js';
import { check, unframe } from './event.js';
import { askedFromInboxes } from './inboxes.js';

/** All places of a component are in it, so that each request reaches one of them. */
const QUEUE = 'component';

/** Each may hold a whole message and its answer in memory: more are refused, and may be asked again. */
const MOST_AT_ONCE = 256;

/** How long an answer waits for a connection that was lost. */
const DELIVER_MS = 30_000;
const TRY_AGAIN_MS = 100;

/** HTTP's own of one connection, and what the client that asks here sets by itself. */
const OF_THE_CONNECTION = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/** The body comes out of `fetch` unpacked. */
const OF_THE_PACKED_BODY = new Set([...OF_THE_CONNECTION, 'content-encoding']);

interface Sent {
  payload: string;
  head?: MsgHdrs;
}

export interface ComponentPlaceOptions {
  component: string;
  /** Where the component answers HTTP, without a path. */
  url: string;
  /** The longest that a request may take. */
  timeoutMs: number;
  report: (error: unknown, what: string) => void;
}

/** One place that a component is served from: takes its requests from the bus, and asks it by HTTP. */
export class ComponentPlace {
  private readonly operation: Operation;
  private readonly handled = new Set<Promise<void>>();
  private readonly leaving = new Set<Promise<void>>();
  private subscription: Subscription | undefined;

  constructor(
    private readonly bus: Bus,
    private readonly options: ComponentPlaceOptions,
  ) {
    this.operation = componentsAsk(options.component);
  }

  /** Until the server has said that it sends no more. */
  get serving(): boolean {
    return this.subscription !== undefined || this.leaving.size > 0;
  }

  get inFlight(): number {
    return this.handled.size;
  }

  /**
   * Resolves when the server knows of it: from then on requests come here. Rejects when the connection is lost before that;
   * the server hears of it with the next one. Once it is open this tells that the connection still stands.
   */
  async open(): Promise<void> {
    this.subscription ??= this.subscribe();
    await this.bus.connection.flush();
  }

  private subscribe(): Subscription {
    const { report } = this.options;
    return askedFromInboxes(this.bus.connection, report).subscribe(this.operation.name, {
      queue: QUEUE,
      callback: (error, message) => {
        if (error) return report(error, this.operation.name);
        if (this.handled.size >= MOST_AT_ONCE) {
          const { payload, head } = this.refusal(tooMany(this.options.component));
          return void message.respond(payload, head && { headers: head });
        }
        const answered = this.answer(message).finally(() => this.handled.delete(answered));
        this.handled.add(answered);
      },
    });
  }

  /** Takes no more requests, and resolves when all that came are answered, or nothing can be answered any more. */
  async close(): Promise<void> {
    const { subscription } = this;
    this.subscription = undefined;
    if (subscription) {
      const left = subscription.drain().then(ignore, ignore);
      const gone = left.finally(() => this.leaving.delete(gone));
      this.leaving.add(gone);
    }
    await Promise.all(this.leaving);
    await Promise.all(this.handled);
  }

  private async answer(message: Msg): Promise<void> {
    const answer = await this.answerTo(message);
    const giveUpAt = performance.now() + DELIVER_MS;
    // What is sent while the connection is lost, or is found to be, never arrives; whoever asked may still be there.
    while (!this.bus.connection.isClosed() && performance.now() < giveUpAt) {
      if (this.bus.connected && (await this.arrives(message, answer))) return;
      await pause(TRY_AGAIN_MS);
    }
  }

  /** Sent again after a connection that was lost: whoever has had it already takes no second one. */
  private async arrives(message: Msg, { payload, head }: Sent): Promise<boolean> {
    try {
      message.respond(payload, head && { headers: head });
      await this.bus.connection.flush();
      return true;
    } catch {
      return false;
    }
  }

  private async answerTo(message: Msg): Promise<Sent> {
    try {
      const { data } = unframe(message.string() || '{}', this.operation.name);
      const request = check(this.operation.request, data, this.operation.name) as ComponentRequest;
      const most = this.bus.connection.info?.max_payload ?? Infinity;
      const payload = JSON.stringify(await this.ask(request, most));
      if (Buffer.byteLength(payload) > most) throw this.tooLarge(most);
      return { payload };
    } catch (error) {
      return this.refusal(error);
    }
  }

  private refusal(error: unknown): Sent {
    const known = isPurserError(error) ? error : new PurserError('internal', { cause: error });
    if (known !== error) this.options.report(error, this.operation.name);
    const head = headers();
    head.set('Nats-Service-Error-Code', String(known.status));
    head.set('Nats-Service-Error', known.code);
    const { code, message: words, details } = known;
    return { payload: JSON.stringify({ error: { code, message: words, details } }), head };
  }

  private tooLarge(most: number): PurserError {
    return new PurserError('payload_too_large', {
      message: `the answer of ${this.options.component} is larger than a message on the bus may be (${most} bytes)`,
    });
  }

  /** No more of it than could be sent. */
  private async bodyOf(response: Response, mostBytes: number): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      size += part.byteLength;
      if (size > mostBytes) throw this.tooLarge(mostBytes);
      parts.push(part);
    }
    return Buffer.concat(parts);
  }

  private async ask(
    { method, path, headers: given, body }: ComponentRequest,
    mostBytes: number,
  ): Promise<ComponentAnswer> {
    const { component, url, timeoutMs } = this.options;
    try {
      const response = await fetch(`${new URL(url).origin}${path}`, {
        method,
        // On a connection of its own: one that was used before may be closed there just now, and then nobody knows
        // whether the request was taken.
        headers: { ...without(Object.entries(given), OF_THE_CONNECTION), connection: 'close' },
        redirect: 'manual',
        signal: AbortSignal.timeout(timeoutMs),
        ...(body === '' ? {} : { body: Buffer.from(body, 'base64') }),
      });
      return {
        status: response.status,
        headers: without([...response.headers], OF_THE_PACKED_BODY),
        body: (await this.bodyOf(response, mostBytes)).toString('base64'),
      };
    } catch (cause) {
      if (isPurserError(cause)) throw cause;
      if (cause instanceof Error && cause.name === 'TimeoutError')
        throw new PurserError('timeout', { message: `${component} has not answered within ${timeoutMs} ms`, cause });
      if (isRefusal(cause)) throw notAsked(`${component} does not answer: ${wordsOf(cause)}`, cause);
      throw new PurserError('timeout', { message: `${component} has not answered: ${wordsOf(cause)}`, cause });
    }
  }
}

const ignore = (): void => undefined;

/** No connection came to be, so that nothing was asked. */
function isRefusal(error: unknown): boolean {
  const { cause } = error as { cause?: { code?: unknown; syscall?: unknown } };
  return cause?.syscall === 'connect' || cause?.syscall === 'getaddrinfo' || NOT_CONNECTED.has(String(cause?.code));
}
const NOT_CONNECTED = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'UND_ERR_CONNECT_TIMEOUT']);

/** Told apart from what a place of an older Purser calls unavailable: there a connection that broke off was, too. */
const notAsked = (message: string, cause?: unknown): PurserError =>
  new PurserError('unavailable', { message, details: { notAsked: true }, cause });

const tooMany = (component: string): PurserError =>
  notAsked(`${component} has ${MOST_AT_ONCE} requests at this place already`);

const without = (entries: [string, string][], names: ReadonlySet<string>): Record<string, string> =>
  Object.fromEntries(entries.filter(([name]) => !names.has(name.toLowerCase())));

const wordsOf = (error: unknown): string => {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message !== '' ? `${message} (${cause.message})` : message;
};
