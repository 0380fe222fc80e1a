import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { Kvm, type KV } from '@nats-io/kv';
import { errors, headers, type Msg, type MsgHdrs, type NatsConnection } from '@nats-io/nats-core';
import {
  ErrorReply,
  type Fact,
  invalidRequest,
  type Operation,
  PurserError,
  subjectOf,
  type ReplyOf,
  type RequestInput,
  type ServiceName,
} from '@purser/contracts';
import type { z } from 'zod';
import { connectWithin } from './connect.js';
import { check, type EventOrigin, frame } from './event.js';
import { ConnectionLost, Link } from './link.js';
import { storeAll } from './stored.js';
import { ensureStreams, haveStreams } from './streams.js';
import { currentTraceparent } from './trace.js';

export interface BusOptions {
  /** `nats://user:password@host:4222`; several, separated by commas, for a cluster. */
  url: string;
  /** Who connects: a service, or another name such as `cli`. */
  service: ServiceName | 'cli' | 'tools' | 'vm-agent';
  instance: string;
  /** Where its answers come to; `_INBOX_<service>` unless its user has another one. */
  inboxPrefix?: string;
  replicas?: number;
  /** How long to wait for the first connection. */
  connectTimeoutMs?: number;
}

export interface CallOptions {
  timeoutMs?: number;
  signal?: AbortSignal;
}

const CALL_TIMEOUT_MS = 5_000;
const PUBLISH_TIMEOUT_MS = 5_000;

/** The one way onto NATS: typed requests, facts and commands, and the key-value buckets. */
export class Bus {
  private readonly buckets = new Map<string, Promise<KV>>();
  private readonly link: Link;

  private constructor(
    readonly connection: NatsConnection,
    readonly jetstream: JetStreamClient,
    readonly manager: JetStreamManager,
    readonly origin: EventOrigin,
    readonly replicas: number,
  ) {
    this.link = new Link(connection);
  }

  static async connect(options: BusOptions): Promise<Bus> {
    const connection = await connectWithin(options);
    // The manager checks that JetStream is on only when asked; we ask for the streams right away, which tells the same.
    const manager = await jetstreamManager(connection, { checkAPI: false });
    return new Bus(
      connection,
      jetstream(connection),
      manager,
      { service: options.service, instance: options.instance },
      options.replicas ?? 1,
    );
  }

  get connected(): boolean {
    return this.link.isUp;
  }

  /** How often the connection was lost: while it stays the same, the server has not gone away. */
  get losses(): number {
    return this.link.losses;
  }

  /** Makes the streams and buckets, or brings them up to date: for the one service that keeps them. */
  ensureStreams(): Promise<void> {
    return this.onJetStream(() => ensureStreams(this.manager, this.replicas));
  }

  /** Whether the streams and buckets are there. */
  haveStreams(): Promise<boolean> {
    return this.onJetStream(() => haveStreams(this.manager));
  }

  private async onJetStream<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await this.link.within(CALL_TIMEOUT_MS, undefined, work);
    } catch (cause) {
      throw new PurserError('unavailable', {
        message: `JetStream does not answer for its streams (${(cause as Error).message})`,
        cause,
      });
    }
  }

  /**
   * Asks for an operation. Throws the PurserError that its handler threw, `unavailable` when nobody serves it, or `timeout`.
   * While the connection is down it waits, within its time, for it to come back.
   */
  async call<O extends Operation>(
    operation: O,
    request: RequestInput<O>,
    options: CallOptions = {},
  ): Promise<ReplyOf<O>> {
    options.signal?.throwIfAborted();
    const checked = check(operation.request, request, operation.name);
    const reply = await this.request(
      operation,
      subjectOf(operation, checked as object),
      JSON.stringify(checked),
      options,
    );
    const text = reply.string();
    if (reply.headers?.has('Nats-Service-Error-Code')) throw errorFrom(text, operation.name);
    const answer = operation.reply.safeParse(JSON.parse(text));
    if (answer.success) return answer.data as ReplyOf<O>;
    const { message } = invalidRequest(`the reply of ${operation.name}`, answer.error);
    throw new PurserError('internal', { message, cause: answer.error });
  }

  private async request(
    { name, owner }: Operation,
    subject: string,
    payload: string,
    { timeoutMs = CALL_TIMEOUT_MS, signal }: CallOptions,
  ): Promise<Msg> {
    try {
      return await this.link.within(timeoutMs, signal, (timeout) =>
        this.connection.request(subject, payload, { timeout, headers: this.headers() }),
      );
    } catch (cause) {
      signal?.throwIfAborted();
      this.throwIfTooLarge(name, payload, cause);
      if (cause instanceof ConnectionLost)
        throw new PurserError('timeout', { message: `${name}: ${cause.message}`, cause });
      if (cause instanceof errors.TimeoutError) {
        throw new PurserError('timeout', { message: `${name}: no answer from ${owner} within ${timeoutMs} ms`, cause });
      }
      const message = isNobodyThere(cause)
        ? `${name}: no ${owner} is running`
        : `${name}: the bus is not reachable (${(cause as Error).message})`;
      throw new PurserError('unavailable', { message, cause });
    }
  }

  /** Publishes a fact; a durable one is stored when this resolves. `id` fills the subject's last tokens. */
  async publish<F extends Fact>(
    fact: F,
    id: string | undefined,
    data: z.input<F['data']>,
    eventId?: string,
  ): Promise<void> {
    if ((id === undefined) !== (fact.id === undefined))
      throw new TypeError(`${fact.name} is published ${fact.id ? `with its ${fact.id}` : 'without an id'}`);
    const subject = id === undefined ? fact.name : `${fact.name}.${id}`;
    const event = frame(fact.name, subject, check(fact.data, data, fact.name), this.origin, eventId);
    await this.publishFramed(subject, JSON.stringify(event), event.id, fact.stream !== undefined);
  }

  /** An event that was framed before. */
  async publishFramed(subject: string, event: string, eventId: string, durable: boolean): Promise<void> {
    if (durable) return this.publishAllFramed([{ subject, event, eventId }]);
    this.connection.publish(subject, event, { headers: this.eventHeaders(eventId) });
  }

  /** For the outbox: durable events that were framed when their transactions committed. All are stored when this resolves. */
  async publishAllFramed(events: readonly { subject: string; event: string; eventId: string }[]): Promise<void> {
    if (events.length === 0) return;
    const messages = events.map(({ subject, event, eventId }) => ({
      subject,
      payload: event,
      headers: this.eventHeaders(eventId),
    }));
    const largest = events.reduce((most, one) => (one.event.length > most.event.length ? one : most), events[0]!);
    try {
      await this.link.within(PUBLISH_TIMEOUT_MS, undefined, (timeout) =>
        storeAll(this.connection, `_INBOX_${this.origin.service}`, messages, timeout),
      );
    } catch (cause) {
      this.throwIfTooLarge(largest.subject, largest.event, cause);
      throw new PurserError('unavailable', {
        message: `${events.length === 1 ? largest.subject : `${events.length} events`}: not stored by JetStream (${(cause as Error).message})`,
        cause,
      });
    }
  }

  private eventHeaders(eventId: string): MsgHdrs {
    const head = this.headers();
    head.set('Nats-Msg-Id', eventId);
    return head;
  }

  /** A key-value bucket, whether it is there or not. */
  bucket(name: string): Promise<KV> {
    const known = this.buckets.get(name);
    if (known) return known;
    const opened = new Kvm(this.jetstream).open(name);
    this.buckets.set(name, opened);
    opened.catch(() => this.buckets.delete(name));
    return opened;
  }

  /** The JSON under a key, or undefined. */
  async read(bucket: string, key: string): Promise<unknown> {
    const entry = await this.link.within(CALL_TIMEOUT_MS, undefined, async () => (await this.bucket(bucket)).get(key));
    return entry?.operation === 'PUT' ? entry.json() : undefined;
  }

  async write(bucket: string, key: string, value: unknown): Promise<void> {
    const text = JSON.stringify(value);
    await this.link.within(CALL_TIMEOUT_MS, undefined, async () => (await this.bucket(bucket)).put(key, text));
  }

  /** The client refuses what the server would end the connection for. */
  private throwIfTooLarge(subject: string, payload: string, cause: unknown): void {
    const limitBytes = this.connection.info?.max_payload;
    if (limitBytes === undefined || !isRefusedArgument(cause)) return;
    const bytes = Buffer.byteLength(payload);
    throw new PurserError('payload_too_large', {
      message: `${subject}: ${bytes} bytes with its headers are more than the ${limitBytes} that a message on this NATS may have (its max_payload)`,
      details: { bytes, limitBytes },
      cause,
    });
  }

  private headers(): MsgHdrs {
    const head = headers();
    const traceparent = currentTraceparent();
    if (traceparent !== undefined) head.set('traceparent', traceparent);
    return head;
  }

  /** Sends what is buffered and closes. Bounded, so that a dead server does not hold up a shutdown. */
  async close(): Promise<void> {
    if (this.connection.isClosed()) return;
    const drained = this.link.isUp ? this.connection.drain() : this.connection.close();
    await Promise.race([drained, new Promise((resolve) => setTimeout(resolve, 3_000).unref())]).catch(() => undefined);
    if (!this.connection.isClosed()) await this.connection.close();
  }
}

const isRefusedArgument = (error: unknown): boolean =>
  error instanceof errors.InvalidArgumentError ||
  (error instanceof Error && error.cause instanceof errors.InvalidArgumentError);

const isNobodyThere = (cause: unknown): boolean =>
  cause instanceof errors.NoRespondersError ||
  (cause instanceof Error && cause.cause instanceof errors.NoRespondersError);

/** Whether a call failed because nobody serves the operation: then nothing was asked of anybody. */
export const nobodyServes = ({ cause }: PurserError): boolean => isNobodyThere(cause);

function errorFrom(text: string, name: string): PurserError {
  const parsed = ErrorReply.safeParse(JSON.parse(text));
  if (!parsed.success)
    return new PurserError('internal', { message: `${name}: the error reply is not readable: ${text.slice(0, 200)}` });
  const { code, message, details } = parsed.data.error;
  return new PurserError(code, { message, details });
}
