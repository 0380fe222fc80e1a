import { type Consumer, type ConsumerMessages, DeliverPolicy, type JsMsg } from '@nats-io/jetstream';
import { PurserError, type StreamName } from '@purser/contracts';
import type { Bus } from './bus.js';

/** A message as a stream keeps it. `seq` is its place: it grows, with gaps. */
export interface Kept {
  seq: number;
  subject: string;
  text: string;
}

export interface Following {
  stop(): Promise<void>;
}

/** Fetched ahead by the client; a reader that is slow holds no more in memory than these. */
const AHEAD = 100;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
/** A consumer whose process was killed goes by itself. */
const ABANDONED_MS = 30_000;

const keptOf = (message: JsMsg): Kept => ({ seq: message.seq, subject: message.subject, text: message.string() });

/** Reads a stream in order without taking anything from it, by consumers that leave nothing behind. */
export class StreamReader {
  constructor(
    private readonly bus: Bus,
    private readonly stream: StreamName,
  ) {}

  /** The places of the oldest and the newest message; `last` is `first - 1` while there is none. */
  async ends(): Promise<{ first: number; last: number }> {
    try {
      const { state } = await this.bus.manager.streams.info(this.stream);
      return { first: Math.max(1, state.first_seq), last: state.last_seq };
    } catch (cause) {
      const message = `the stream ${this.stream} cannot be read (${(cause as Error).message})`;
      throw new PurserError('unavailable', { message, cause });
    }
  }

  /**
   * Passes on every message from a place on, as they come, until it is stopped; again from where it was after the server
   * was away. A stream that was made anew is read from its beginning.
   */
  follow(from: number, take: (message: Kept) => void, report: (error: unknown) => void): Following {
    let next = from;
    let stopped = false;
    let messages: ConsumerMessages | undefined;
    let wake: (() => void) | undefined;
    const pause = (ms: number) =>
      new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        wake = () => (clearTimeout(timer), resolve());
      });
    const open = async () => {
      const { last } = await this.ends();
      if (last < next - 1) next = 1;
      const consumer = await this.consumer(next);
      messages = await consumer.consume({
        max_messages: AHEAD,
        abort_on_missing_resource: true,
        callback: (message) => {
          next = message.seq + 1;
          take(keptOf(message));
        },
      });
      if (stopped) messages.stop();
      const error = await messages.closed();
      await remove(consumer);
      if (error) throw error;
    };
    const run = async () => {
      for (let failures = 0; !stopped;) {
        const before = next;
        try {
          await open();
        } catch (error) {
          failures = next > before ? 1 : failures + 1;
          if (failures === 3) report(error);
        }
        if (!stopped) await pause(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures));
      }
    };
    const running = run();
    return {
      async stop() {
        stopped = true;
        wake?.();
        messages?.stop();
        await running;
      },
    };
  }

  /** What is kept between two places, both included, of one subject (with wildcards) or of all. */
  async *between(from: number, to: number, subject?: string): AsyncGenerator<Kept> {
    if (from > to) return;
    const consumer = await this.consumer(from, subject);
    try {
      if ((await consumer.info(true)).num_pending === 0) return;
      const messages = await consumer.consume({ max_messages: AHEAD, abort_on_missing_resource: true });
      try {
        for await (const message of messages) {
          if (message.seq <= to) yield keptOf(message);
          if (message.seq >= to || message.info.pending === 0) return;
        }
      } finally {
        messages.stop();
      }
      throw new PurserError('unavailable', { message: `reading the stream ${this.stream} was cut short` });
    } finally {
      await remove(consumer);
    }
  }

  private consumer(from: number, subject?: string): Promise<Consumer> {
    return this.bus.jetstream.consumers.get(this.stream, {
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: from,
      inactive_threshold: ABANDONED_MS,
      ...(subject === undefined ? {} : { filter_subjects: subject }),
    });
  }
}

const remove = (consumer: Consumer): Promise<unknown> => consumer.delete().catch(() => undefined);
