import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import type { NatsConnection, Subscription } from '@nats-io/nats-core';

/** Of one message; far below what any server takes. */
const PIECE_BYTES = 64 * 1024;
/** On its way at once: beyond it, whoever writes waits. */
const WINDOW_BYTES = 1024 * 1024;
const TICK_MS = 200;
const AGAIN_MS = 1_000;
const SIGN_MS = 1_000;
/** Without a word of the other end, such as when the bus is away for longer, the link is over. */
const SILENCE_MS = 20_000;
const HEAD_BYTES = 9;

enum Kind {
  Hello,
  Welcome,
  Data,
  Ack,
  Sign,
  Bye,
}

export interface LinkEnds {
  connection: NatsConnection;
  /** The subjects, as this end has them. */
  hear: string;
  say: string;
  silenceMs?: number;
}

/**
 * A stream of bytes both ways between two clients of a bus that may lose messages: what is not acknowledged is sent again,
 * what comes twice is dropped. Whoever reads has to do so at once, or to keep a window of its own, as HTTP/2 does.
 */
export class SessionLink extends Duplex {
  /** The other end's last word, by `performance.now()`. */
  heardAt = performance.now();
  /** Told with each sign of life: for how long there will be one yet. */
  onSign: (forMs: number) => void = () => undefined;
  private readonly subscription: Subscription;
  private readonly timer: NodeJS.Timeout;
  private readonly unacked: Uint8Array[] = [];
  private unackedBytes = 0;
  private firstUnacked = 0;
  private expected = 0;
  private progressAt = performance.now();
  private signedAt = 0;
  private waiting: (() => void) | undefined;

  private constructor(
    private readonly ends: LinkEnds,
    private readonly id: number,
    private isOpen: boolean,
  ) {
    super({ allowHalfOpen: false });
    this.subscription = ends.connection.subscribe(ends.hear, {
      callback: (error, message) => {
        if (error) this.destroy(error);
        else this.receive(message.data);
      },
    });
    this.timer = setInterval(() => this.tick(), TICK_MS);
    if (!isOpen) this.send(Kind.Hello);
  }

  /** Of the runner's end: knocks until the other one opens. */
  static async open(ends: LinkEnds, signal: AbortSignal): Promise<SessionLink> {
    signal.throwIfAborted();
    const link = new SessionLink(ends, randomInt(1, 2 ** 32), false);
    const stop = (): void => void link.destroy(signal.reason as Error);
    signal.addEventListener('abort', stop);
    try {
      await once(link, 'welcome');
      return link;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** Of the agent's end: waits for the first that knocks, and never opens to another. */
  static async accept(ends: LinkEnds, signal: AbortSignal): Promise<SessionLink> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const done = (): void => {
        signal.removeEventListener('abort', abort);
        door.unsubscribe();
      };
      const abort = (): void => {
        done();
        reject(signal.reason as Error);
      };
      const door = ends.connection.subscribe(ends.hear, {
        callback: (error, message) => {
          if (error) return (done(), reject(error));
          const frame = read(message.data);
          if (frame?.kind !== Kind.Hello) return;
          done();
          const link = new SessionLink(ends, frame.id, true);
          link.send(Kind.Welcome);
          resolve(link);
        },
      });
      signal.addEventListener('abort', abort);
    });
  }

  /** Says that there will be another sign within so long. */
  sign(forMs: number): void {
    this.signedAt = performance.now();
    this.send(Kind.Sign, Math.max(0, Math.min(Math.floor(forMs), 2 ** 32 - 1)));
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      // Copied: it may be sent again after whoever wrote it has used the buffer for something else.
      const piece = new Uint8Array(chunk.subarray(at, at + PIECE_BYTES));
      if (this.unacked.length === 0) this.progressAt = performance.now();
      this.send(Kind.Data, this.firstUnacked + this.unacked.length, piece);
      this.unacked.push(piece);
      this.unackedBytes += piece.length;
    }
    if (this.unackedBytes < WINDOW_BYTES) done();
    else this.waiting = done;
  }

  override _read(): void {
    // What comes is pushed as it comes.
  }

  override _final(done: () => void): void {
    if (this.unacked.length === 0) done();
    else this.waiting = done;
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearInterval(this.timer);
    this.subscription.unsubscribe();
    this.send(Kind.Bye);
    done(error);
  }

  private receive(bytes: Uint8Array): void {
    const frame = read(bytes);
    if (frame?.id !== this.id) return;
    this.heardAt = performance.now();
    const { kind, number, payload } = frame;
    if (kind === Kind.Hello) this.send(Kind.Welcome);
    else if (kind === Kind.Welcome) this.welcome();
    else if (kind === Kind.Sign) this.onSign(number);
    else if (kind === Kind.Bye) this.destroy();
    else if (kind === Kind.Ack) this.acknowledged(number);
    else if (kind === Kind.Data) {
      const isNext = number === this.expected;
      if (isNext) this.expected += 1;
      this.send(Kind.Ack, this.expected);
      if (isNext) this.push(payload);
    }
  }

  private welcome(): void {
    if (this.isOpen) return;
    this.isOpen = true;
    this.heardAt = performance.now();
    this.emit('welcome');
  }

  private acknowledged(next: number): void {
    const count = next - this.firstUnacked;
    if (count <= 0 || count > this.unacked.length) return;
    for (const piece of this.unacked.splice(0, count)) this.unackedBytes -= piece.length;
    this.firstUnacked = next;
    this.progressAt = performance.now();
    const isFree = this.writableEnded ? this.unacked.length === 0 : this.unackedBytes < WINDOW_BYTES;
    if (!isFree) return;
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.();
  }

  private tick(): void {
    if (!this.isOpen) return this.send(Kind.Hello);
    const now = performance.now();
    const { silenceMs = SILENCE_MS } = this.ends;
    if (now - this.heardAt > silenceMs)
      return void this.destroy(new Error(`nothing was heard of the other end for ${silenceMs / 1_000} s`));
    if (now - this.signedAt > SIGN_MS) this.sign(0);
    if (this.unacked.length === 0 || now - this.progressAt < AGAIN_MS) return;
    this.progressAt = now;
    this.unacked.forEach((piece, nth) => this.send(Kind.Data, this.firstUnacked + nth, piece));
  }

  private send(kind: Kind, number = 0, payload?: Uint8Array): void {
    say(this.ends, kind, this.id, number, payload);
  }
}

function say({ connection, say: subject }: LinkEnds, kind: Kind, id: number, number = 0, payload?: Uint8Array): void {
  if (connection.isClosed() || connection.isDraining()) return;
  const frame = new Uint8Array(HEAD_BYTES + (payload?.length ?? 0));
  const head = new DataView(frame.buffer);
  head.setUint8(0, kind);
  head.setUint32(1, id);
  head.setUint32(5, number);
  if (payload) frame.set(payload, HEAD_BYTES);
  connection.publish(subject, frame);
}

function read(bytes: Uint8Array): { kind: Kind; id: number; number: number; payload: Buffer } | undefined {
  if (bytes.length < HEAD_BYTES) return undefined;
  const head = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const payload = Buffer.from(bytes.buffer, bytes.byteOffset + HEAD_BYTES, bytes.length - HEAD_BYTES);
  return { kind: head.getUint8(0), id: head.getUint32(1), number: head.getUint32(5), payload };
}
