import type { JsMsg } from '@nats-io/jetstream';
import { headers, type Msg, type Subscription } from '@nats-io/nats-core';
import { type Service, type ServiceMsg, Svcm } from '@nats-io/services';
import { type CustomTransportStrategy, type MessageHandler, Server } from '@nestjs/microservices';
import {
  type Command,
  type Fact,
  isPurserError,
  type Operation,
  PurserError,
  servedBy,
  servedOn,
  type ServiceName,
} from '@purser/contracts';
import { lastValueFrom } from 'rxjs';
import type { Bus } from './bus.js';
import { DurableConsumer } from './consumer.js';
import { keepDeadLetter } from './dead-letters.js';
import { check, unframe } from './event.js';
import type { Route, Taken } from './handlers.js';
import { askedFromInboxes } from './inboxes.js';
import { Replies, type ReplyMessage } from './replies.js';
import { withTrace } from './trace.js';

export interface StrategyOptions {
  bus: Bus;
  service: ServiceName;
  version: string;
  report: (error: unknown, what: string) => void;
  /** How long a message from a stream waits after its n-th failed delivery. */
  retryDelayMs?: (deliveries: number) => number;
}

/** Commands that are handled side by side, each by itself. */
const TAKEN_AT_ONCE = 100;

/** Nest's way onto the bus: turns handlers that are decorated with contracts into subscriptions and consumers. */
export class BusStrategy extends Server implements CustomTransportStrategy {
  override transportId = Symbol('purser-bus');
  private readonly subscriptions: Subscription[] = [];
  private readonly consumers: DurableConsumer[] = [];
  private micro: Service | undefined;

  constructor(private readonly options: StrategyOptions) {
    super();
  }

  override addHandler(
    pattern: unknown,
    callback: MessageHandler,
    isEvent?: boolean,
    extras?: Record<string, unknown>,
  ): void {
    const name = String(pattern);
    if (this.messageHandlers.has(name))
      throw new Error(`${this.options.service}: two handlers for "${name}"; remove one`);
    super.addHandler(pattern, callback, isEvent, extras);
  }

  listen(done: (error?: unknown) => void): void {
    this.open().then(
      () => done(),
      (error: unknown) => done(error),
    );
  }

  private async open(): Promise<void> {
    const { bus, service, version, report } = this.options;
    this.refuseMissingHandlers();
    this.micro = await new Svcm(askedFromInboxes(bus.connection, report)).add({
      name: service,
      version,
      description: `Purser ${service}`,
      metadata: { instance: bus.origin.instance },
      queue: service,
    });
    for (const [, handler] of this.messageHandlers) {
      const { route } = handler.extras as { route: Route };
      if (route.how === 'serve') this.serve(route.operation, handler);
      else if (route.how === 'hear') this.hear(route, handler);
      else if (route.how === 'take') this.take(route.command, handler);
      else this.consume(route, handler);
    }
    await bus.connection.flush();
  }

  private refuseMissingHandlers(): void {
    const missing = servedBy(this.options.service).filter((contract) => !this.messageHandlers.has(contract.name));
    if (missing.length > 0)
      throw new Error(`${this.options.service}: no handler for ${missing.map((contract) => contract.name).join(', ')}`);
  }

  private serve(operation: Operation, handler: MessageHandler): void {
    this.micro?.addEndpoint(operation.name.replaceAll('.', '-'), {
      subject: servedOn(operation),
      queue: this.options.service,
      metadata: { summary: operation.summary },
      handler: (error, message) => {
        if (error) return this.options.report(error, operation.name);
        void withTrace(message.headers?.get('traceparent'), () => this.answer(operation, handler, message));
      },
    });
  }

  private async answer(operation: Operation, handler: MessageHandler, message: ServiceMsg): Promise<void> {
    try {
      const { data } = unframe(message.string() || '{}', operation.name);
      const result = await this.run(
        handler,
        check(operation.request, spoken(operation, data, message.subject), operation.name),
      );
      if (!(result instanceof Replies)) return this.respond(operation, message, { data: result });
      for await (const one of (result as Replies<unknown>).messages) this.respond(operation, message, one);
    } catch (error) {
      const known = isPurserError(error) ? error : this.defect(error, operation.name);
      message.respondError(
        known.status,
        known.code,
        JSON.stringify({ error: { code: known.code, message: known.message, details: known.details } }),
      );
    }
  }

  private respond(operation: Operation, message: ServiceMsg, { data, headers: given }: ReplyMessage<unknown>): void {
    const payload = data === undefined ? '' : this.written(operation, data);
    if (!given) return void message.respond(payload);
    const head = headers();
    for (const [name, value] of Object.entries(given)) head.set(name, value);
    message.respond(payload, { headers: head });
  }

  private written(operation: Operation, data: unknown): string {
    const reply = operation.reply.safeParse(data);
    if (!reply.success) throw new Error(`the answer breaks the contract: ${reply.error.message}`);
    const payload = JSON.stringify(reply.data);
    const limit = this.options.bus.connection.info?.max_payload ?? Infinity;
    if (Buffer.byteLength(payload) > limit)
      throw new PurserError('payload_too_large', {
        message: `the answer is larger than a message on the bus may be (${limit} bytes)`,
        details: { limit },
      });
    return payload;
  }

  private hear({ fact, under }: Extract<Route, { how: 'hear' }>, handler: MessageHandler): void {
    const subject = [fact.name, ...(under === undefined ? [] : [under]), ...(fact.id === undefined ? [] : ['>'])].join(
      '.',
    );
    this.subscriptions.push(
      this.options.bus.connection.subscribe(subject, {
        callback: (error, message) => {
          if (error) return this.options.report(error, `subscription to ${subject}`);
          withTrace(message.headers?.get('traceparent'), () => this.listenTo(fact, handler, message)).catch(
            (failure: unknown) => this.options.report(failure, `${fact.name} was heard but not handled`),
          );
        },
      }),
    );
  }

  private async listenTo(fact: Fact, handler: MessageHandler, message: Msg): Promise<void> {
    await this.run(handler, heard(fact, message));
  }

  private take(command: Command, handler: MessageHandler): void {
    this.startConsumer(
      command.stream,
      command.name,
      command.name.replaceAll('.', '-'),
      TAKEN_AT_ONCE,
      async ([message]) => {
        if (message) await this.run(handler, this.taken(command, message));
      },
      { apart: true },
    );
  }

  private taken(command: Command, message: JsMsg): Taken<Command> {
    const { stream, timestampNanos, deliveryCount } = message.info;
    const raw = message.string();
    // With the time: a stream that was lost and made again counts from 1.
    const delivery = { deliveryId: `${stream}-${message.seq}-${timestampNanos}`, deliveries: deliveryCount, raw };
    try {
      return { ...delivery, ok: true, payload: check(command.payload, unframe(raw, command.name).data, command.name) };
    } catch (error) {
      if (!isPurserError(error)) throw error;
      return { ...delivery, ok: false, error };
    }
  }

  private consume(route: Extract<Route, { how: 'consume' }>, handler: MessageHandler): void {
    const { fact, durable, batch } = route;
    if (!fact.stream) throw new Error(`${fact.name} is not kept in a stream; hear it instead`);
    this.startConsumer(
      fact.stream,
      fact.id === undefined ? fact.name : `${fact.name}.>`,
      durable,
      batch,
      async (messages) => {
        const readable: unknown[] = [];
        for (const message of messages) {
          try {
            readable.push(heard(fact, message));
          } catch (error) {
            await keepDeadLetter(this.options.bus, message, error);
            this.options.report(error, `${message.subject} was not readable and is kept as a dead letter`);
          }
        }
        if (readable.length > 0) await this.run(handler, readable);
      },
    );
  }

  private startConsumer(
    stream: Command['stream'],
    subject: string,
    durable: string,
    batch: number,
    handle: (messages: JsMsg[]) => Promise<void>,
    { apart = false } = {},
  ): void {
    const { bus, report, retryDelayMs } = this.options;
    const consumer = new DurableConsumer(bus, {
      stream,
      subject,
      durable,
      batch,
      apart,
      handle,
      report,
      retryDelayMs,
      giveUp: (message, error) => keepDeadLetter(bus, message, error),
    });
    this.consumers.push(consumer);
    consumer.start();
  }

  private async run(handler: MessageHandler, data: unknown): Promise<unknown> {
    return lastValueFrom(this.transformToObservable(await handler(data)), { defaultValue: undefined });
  }

  private defect(error: unknown, name: string): PurserError {
    this.options.report(error, `${name} failed`);
    return new PurserError('internal', { cause: error });
  }

  async close(): Promise<void> {
    await Promise.all(this.consumers.map((consumer) => consumer.stop()));
    for (const subscription of this.subscriptions) subscription.unsubscribe();
    await this.micro?.stop();
  }

  on(): never {
    throw new Error('the bus strategy emits no events');
  }

  unwrap<T>(): T {
    return this.options.bus.connection as T;
  }
}

/** What it says, as far as whoever the bus let publish there may say it. */
function heard(fact: Fact, message: Pick<Msg, 'subject' | 'string'>): unknown {
  const { subject } = message;
  const data = check(fact.data, unframe(message.string(), subject).data, subject);
  return fact.heardAs ? fact.heardAs(data, subject.slice(fact.name.length + 1)) : data;
}

/** Who speaks is whom the bus let publish there, whatever the message says. */
const spoken = ({ speaker }: Operation, data: unknown, subject: string): unknown =>
  speaker === undefined || typeof data !== 'object'
    ? data
    : { ...data, [speaker]: subject.slice(subject.lastIndexOf('.') + 1) };
