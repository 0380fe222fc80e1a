import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Bus, type Following, type Kept, StreamReader } from '@purser/bus';
import { PurserError } from '@purser/contracts';
import { Log, Metrics } from '@purser/service';
import type { EventFilter } from './event-filter.js';
import { EventRing } from './event-ring.js';

export const MAX_CLIENTS = 500;
/** Without a client for so long, nothing is followed any more. */
const LINGER_MS = 30_000;
/** Pages of histories that are read at once; who comes then waits for its turn. */
const MAX_REPLAYS = 4;
/** In letters: what of a history is in memory at once for each client. */
const PAGE_LENGTH = 64 * 1024;
/** How much of the stream is looked through in one turn, wanted or not. */
const PAGE_EVENTS = 5_000;

/** One who reads events. */
export interface Reader {
  /** Aborted when it has gone, or is to go; `signal.reason` says why. */
  signal: AbortSignal;
  /** Called whenever there may be something new. */
  wake(): void;
  /** This orchestrator stops: the client is to come back to another one, or later. */
  end(): void;
}

/** The facts as they happen. All clients share one consumer, which exists while there are any. */
@Injectable()
export class LiveEvents implements OnModuleDestroy {
  private readonly stream: StreamReader;
  private readonly readers = new Set<Reader>();
  private readonly replaysWaiting = new Set<() => void>();
  private replays = 0;
  private opening: Promise<EventRing> | undefined;
  private following: Following | undefined;
  private lingering: NodeJS.Timeout | undefined;
  private closed = false;
  private readonly dropped;

  constructor(
    bus: Bus,
    private readonly log: Log,
    metrics: Metrics,
  ) {
    this.stream = new StreamReader(bus, 'FACTS');
    this.dropped = metrics.counter('purser_event_clients_dropped_total', 'Clients of /v1/events that were too slow.');
    metrics.gauge('purser_event_clients', 'Clients that read /v1/events.', [], (gauge) => gauge.set(this.readers.size));
  }

  /** @returns the events from now on; @throws `unavailable` when they cannot be read, or too many clients do */
  async join(reader: Reader): Promise<EventRing> {
    if (this.closed || this.readers.size >= MAX_CLIENTS) {
      const why = this.closed ? 'this orchestrator stops' : `${MAX_CLIENTS} clients read events already`;
      throw new PurserError('unavailable', { message: `${why}; try again later` });
    }
    this.readers.add(reader);
    clearTimeout(this.lingering);
    try {
      return await (this.opening ??= this.open());
    } catch (error) {
      this.opening = undefined;
      this.leave(reader);
      throw error;
    }
  }

  leave(reader: Reader): void {
    this.readers.delete(reader);
    if (this.readers.size > 0 || this.closed) return;
    clearTimeout(this.lingering);
    this.lingering = setTimeout(() => void this.stop(), LINGER_MS);
  }

  tooSlow(): void {
    this.dropped.inc();
  }

  /** What the stream has after a place, up to another one. A client that takes it slowly keeps nobody waiting. */
  async *history(after: number, upTo: number, filter: EventFilter, signal: AbortSignal): AsyncGenerator<Kept> {
    for (let next = after + 1; next <= upTo;) {
      if (!(await this.myTurn(signal))) return;
      let page: { events: Kept[]; next: number };
      try {
        page = await this.page(next, upTo, filter, signal);
      } finally {
        this.replays -= 1;
        this.wakeNext();
      }
      yield* page.events;
      next = page.next;
    }
  }

  private async page(
    from: number,
    upTo: number,
    filter: EventFilter,
    signal: AbortSignal,
  ): Promise<{ events: Kept[]; next: number }> {
    const events: Kept[] = [];
    let length = 0;
    let looked = 0;
    for await (const event of this.stream.between(from, upTo, filter.single)) {
      looked += 1;
      if (filter.wants(event.subject)) {
        events.push(event);
        length += event.text.length;
      }
      if (length >= PAGE_LENGTH || looked === PAGE_EVENTS || signal.aborted) return { events, next: event.seq + 1 };
    }
    return { events, next: upTo + 1 };
  }

  /** @returns false when the reader has gone meanwhile; otherwise the turn is to be given back */
  private async myTurn(signal: AbortSignal): Promise<boolean> {
    while (this.replays >= MAX_REPLAYS && !signal.aborted)
      await new Promise<void>((resolve) => {
        const go = () => {
          signal.removeEventListener('abort', go);
          this.replaysWaiting.delete(go);
          resolve();
        };
        signal.addEventListener('abort', go);
        this.replaysWaiting.add(go);
      });
    if (!signal.aborted) {
      this.replays += 1;
      return true;
    }
    // The turn may have been for this one.
    if (this.replays < MAX_REPLAYS) this.wakeNext();
    return false;
  }

  private wakeNext(): void {
    const [next] = this.replaysWaiting;
    next?.();
  }

  /** The place before the oldest event that is kept. */
  async oldest(): Promise<number> {
    return (await this.stream.ends()).first - 1;
  }

  async onModuleDestroy(): Promise<void> {
    this.closed = true;
    clearTimeout(this.lingering);
    for (const reader of this.readers) reader.end();
    await this.stop();
  }

  private async open(): Promise<EventRing> {
    const { last } = await this.stream.ends();
    const ring = new EventRing(last);
    this.following = this.stream.follow(
      last + 1,
      (event) => {
        // The stream was lost and made anew: its places begin again, and who is here reads on from there.
        if (event.seq <= ring.head) ring.restart();
        ring.add(event);
        for (const reader of this.readers) reader.wake();
      },
      (error) => this.log.warn({ error }, 'events cannot be followed; trying on'),
    );
    return ring;
  }

  private async stop(): Promise<void> {
    const following = this.following;
    this.following = undefined;
    this.opening = undefined;
    await following?.stop();
  }
}
