import type { Msg, Subscription } from '@nats-io/nats-core';
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
  private subscription: Subscription | undefined;

  constructor(
    private readonly bus: Bus,
    private readonly options: ComponentPlaceOptions,
  ) {
    this.operation = componentsAsk(options.component);
  }

  get serving(): boolean {
    return this.subscription !== undefined;
  }

  get inFlight(): number {
    return this.handled.size;
  }

  /** Resolves when the server knows of it: from then on requests come here. */
  async open(): Promise<void> {
    if (this.subscription) return;
    const { connection } = this.bus;
    const { report } = this.options;
    this.subscription = askedFromInboxes(connection, report).subscribe(this.operation.name, {
      queue: QUEUE,
      callback: (error, message) => {
        if (error) return report(error, this.operation.name);
        if (this.handled.size >= MOST_AT_ONCE) return this.refuse(message, tooMany(this.options.component));
        const answered = this.answer(message).finally(() => this.handled.delete(answered));
        this.handled.add(answered);
      },
    });
    await connection.flush();
  }

  /** Takes no more requests, and resolves when all that came are answered. */
  async close(): Promise<void> {
    const { subscription } = this;
    this.subscription = undefined;
    await subscription?.drain();
    await Promise.all(this.handled);
    if (!this.bus.connection.isClosed()) await this.bus.connection.flush().catch(() => undefined);
  }

  private async answer(message: Msg): Promise<void> {
    try {
      const { data } = unframe(message.string() || '{}', this.operation.name);
      const request = check(this.operation.request, data, this.operation.name) as ComponentRequest;
      const most = this.bus.connection.info?.max_payload ?? Infinity;
      const answer = JSON.stringify(await this.ask(request, most));
      if (Buffer.byteLength(answer) > most) throw this.tooLarge(most);
      message.respond(answer);
    } catch (error) {
      this.refuse(message, error);
    }
  }

  private refuse(message: Msg, error: unknown): void {
    const known = isPurserError(error) ? error : new PurserError('internal', { cause: error });
    if (known !== error) this.options.report(error, this.operation.name);
    const head = headers();
    head.set('Nats-Service-Error-Code', String(known.status));
    head.set('Nats-Service-Error', known.code);
    const { code, message: words, details } = known;
    message.respond(JSON.stringify({ error: { code, message: words, details } }), { headers: head });
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
        headers: without(Object.entries(given), OF_THE_CONNECTION),
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
      throw new PurserError('unavailable', { message: `${component} does not answer: ${wordsOf(cause)}`, cause });
    }
  }
}

const tooMany = (component: string): PurserError =>
  new PurserError('unavailable', { message: `${component} has ${MOST_AT_ONCE} requests at this place already` });

const without = (entries: [string, string][], names: ReadonlySet<string>): Record<string, string> =>
  Object.fromEntries(entries.filter(([name]) => !names.has(name.toLowerCase())));

const wordsOf = (error: unknown): string => {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message !== '' ? `${message} (${cause.message})` : message;
};
