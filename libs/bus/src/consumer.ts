import { AckPolicy, type ConsumerMessages, DeliverPolicy, type JsMsg } from '@nats-io/jetstream';
import { isPurserError, type StreamName } from '@purser/contracts';
import type { Bus } from './bus.js';
import { withTrace } from './trace.js';

export interface ConsumerOptions {
  stream: StreamName;
  subject: string;
  durable: string;
  batch: number;
  /** Each message of a batch is handled and answered for by itself, all at once. */
  apart?: boolean;
  handle(messages: JsMsg[]): Promise<void>;
  /** Called for a message that will never be handled: it failed for good, or too often. Must keep it somewhere. */
  giveUp(message: JsMsg, error: unknown): Promise<void>;
  report: (error: unknown, what: string) => void;
  /** How long a message waits after its n-th failed delivery; doubling from 400 ms to 30 s unless given. */
  retryDelayMs?: ((deliveries: number) => number) | undefined;
}

/** Delivered and not yet acknowledged; the server sends no more, which bounds the queue here. */
const MAX_WAITING = 1_000;
/** A defect (not passing trouble such as a database that is away) is tried this often. */
const MAX_DELIVERIES_OF_A_DEFECT = 10;
/** Before what is given back at a stop comes again. */
const GIVE_BACK_MS = 50;
/**
 * nats-server 2.9 sends messages to the open request of a consumer whose process was killed, until that request expires:
 * both are short, and the request the shorter one, so that such a message is not late by more than ACK_WAIT_MS. What
 * takes longer here is kept alive.
 */
const PULL_EXPIRES_MS = 4_500;
const ACK_WAIT_MS = 5_000;
const STILL_WORKING_MS = 1_500;
const NANOS_PER_MS = 1_000_000;

const doubling = (deliveries: number): number => Math.min(30_000, 200 * 2 ** Math.min(deliveries, 8));

/** One durable pull consumer that survives restarts of the server, loss of its stream and failures of its handler. */
export class DurableConsumer {
  private readonly waiting: JsMsg[] = [];
  private atHand: JsMsg[] = [];
  private messages: ConsumerMessages | undefined;
  private closing = false;
  private running: Promise<void> | undefined;
  private pumping: Promise<void> | undefined;
  private wake: (() => void) | undefined;
  private keepingAlive: NodeJS.Timeout | undefined;

  constructor(
    private readonly bus: Bus,
    private readonly options: ConsumerOptions,
  ) {}

  start(): void {
    this.running = this.run();
  }

  /** Stops taking, and waits for the batch at hand; what was not handled comes again elsewhere. */
  async stop(): Promise<void> {
    this.closing = true;
    this.wake?.();
    this.messages?.stop();
    await this.pumping;
    await this.running;
    this.stopKeepingAlive();
    // With a delay: nats-server 2.9 sends the first one that is given back at once to the subscription that just ended.
    for (const message of this.waiting.splice(0)) message.nak(GIVE_BACK_MS);
  }

  private async run(): Promise<void> {
    for (let failures = 0; !this.closing;) {
      try {
        this.messages = await this.open();
        failures = 0;
        if (this.closing) this.messages.stop();
        // Ends by itself when the consumer or its stream was removed.
        const error = await this.messages.closed();
        if (error) throw error;
        if (!this.closing) await this.pause(100);
      } catch (error) {
        if (this.closing) return;
        failures += 1;
        if (failures === 3) this.options.report(error, `consumer ${this.options.durable} cannot be opened; trying on`);
        await this.pause(Math.min(5_000, 100 * 2 ** failures));
      }
    }
  }

  private async open(): Promise<ConsumerMessages> {
    const { stream, durable, subject } = this.options;
    await this.bus.manager.consumers.add(stream, {
      durable_name: durable,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      filter_subject: subject,
      ack_wait: ACK_WAIT_MS * NANOS_PER_MS,
      max_ack_pending: MAX_WAITING,
    });
    const consumer = await this.bus.jetstream.consumers.get(stream, durable);
    return consumer.consume({
      max_messages: MAX_WAITING / 2,
      expires: PULL_EXPIRES_MS,
      abort_on_missing_resource: true,
      // Not the iterator: it drops what it has not yet yielded when it is stopped, and we could not give that back.
      callback: (message) => {
        this.waiting.push(message);
        this.keepingAlive ??= setInterval(() => this.keepAlive(), STILL_WORKING_MS);
        this.pumping ??= this.pump();
      },
    });
  }

  /** What lies here is not to be taken for lost. */
  private keepAlive(): void {
    const messages = [...this.atHand, ...this.waiting];
    if (messages.length === 0) this.stopKeepingAlive();
    for (const message of messages) message.working();
  }

  private stopKeepingAlive(): void {
    clearInterval(this.keepingAlive);
    this.keepingAlive = undefined;
  }

  private async pump(): Promise<void> {
    try {
      while (this.waiting.length > 0 && !this.closing) {
        // A batch that keeps failing is taken apart, so that one bad message does not hold the others.
        const size = (this.waiting[0]?.info.deliveryCount ?? 1) > 3 ? 1 : this.options.batch;
        this.atHand = this.waiting.splice(0, size);
        const parts = this.options.apart ? this.atHand.map((message) => [message]) : [this.atHand];
        await Promise.all(parts.map((part) => this.handle(part)));
      }
    } catch (error) {
      // An answer could not be sent, since the connection is gone: what was not answered for comes again.
      this.options.report(error, `consumer ${this.options.durable} could not answer for its messages`);
    } finally {
      this.atHand = [];
      this.pumping = undefined;
    }
  }

  private async handle(batch: JsMsg[]): Promise<void> {
    try {
      const trace = batch.length === 1 ? batch[0]?.headers?.get('traceparent') : undefined;
      await withTrace(trace, () => this.options.handle(batch));
      for (const message of batch) message.ack();
    } catch (error) {
      const passing = isPurserError(error) && error.retryable;
      if (!passing)
        this.options.report(error, `consumer ${this.options.durable} could not handle ${batch.length} message(s)`);
      for (const message of batch) await this.retryOrGiveUp(message, error, passing);
    }
  }

  private async retryOrGiveUp(message: JsMsg, error: unknown, passing: boolean): Promise<void> {
    const deliveries = message.info.deliveryCount;
    if (passing || deliveries < MAX_DELIVERIES_OF_A_DEFECT) {
      message.nak((this.options.retryDelayMs ?? doubling)(deliveries));
      return;
    }
    try {
      await this.options.giveUp(message, error);
      // Without a reason: nats-server 2.9 takes no notice of a term that has one.
      message.term();
    } catch (failure) {
      this.options.report(failure, `consumer ${this.options.durable} could not keep a dead letter`);
      message.nak(30_000);
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
