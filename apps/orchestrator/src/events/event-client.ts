import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Kept } from '@purser/bus';
import type { EventRequest } from './event-filter.js';
import type { EventRing } from './event-ring.js';
import type { LiveEvents, Reader } from './live-events.service.js';

/** So often something is sent, so that proxies keep the connection and a client that is gone is noticed. */
const ALIVE_MS = 15_000;
/** Before a browser connects again. */
const RECONNECT_MS = 1_000;
/** What a client that was dropped has to read why. */
const LAST_WORD_MS = 30_000;

/** Server-sent events; `id` is an event's place, which `Last-Event-ID` goes on from. A JSON text has no line breaks, but who knows. */
const frame = (data: string, { id, event }: { id?: number; event?: string } = {}): string =>
  `${id === undefined ? '' : `id: ${id}\n`}${event === undefined ? '' : `event: ${event}\n`}${data
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}\n`)
    .join('')}\n`;

/** One connection. It asks for the next event when the last one has left, so that a slow one costs no memory. */
export class EventClient implements Reader {
  private readonly gone = new AbortController();
  private position = 0;
  private generation = 0;
  private news: (() => void) | undefined;

  constructor(
    private readonly response: ServerResponse,
    private readonly events: LiveEvents,
    private readonly request: EventRequest,
    /** A client that takes nothing for so long is dropped. */
    private readonly patienceMs: number,
  ) {
    response.once('close', () => this.leave('the client went away'));
  }

  get signal(): AbortSignal {
    return this.gone.signal;
  }

  wake(): void {
    this.news?.();
  }

  end(): void {
    this.say('closing', { reason: 'this orchestrator stops; connect again' });
    this.response.end();
    this.leave('the orchestrator stops');
  }

  /** Serves until one of both ends it. Rejects only before it has begun to answer. */
  async serve(begin: () => void): Promise<void> {
    const ring = await this.events.join(this);
    try {
      const oldest = this.request.after === undefined ? 0 : await this.events.oldest();
      begin();
      this.response.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
        connection: 'close',
      });
      this.response.write(`retry: ${RECONNECT_MS}\n\n`);
      this.start(ring, oldest);
      await this.follow(ring);
    } catch (error) {
      if (!this.response.headersSent) throw error;
      // The client comes back by itself and goes on from the last that it got.
      if (!this.signal.aborted) this.say('closing', { reason: (error as Error).message });
      this.response.end();
    } finally {
      this.events.leave(this);
    }
  }

  private start(ring: EventRing, oldest: number): void {
    const { after = ring.head } = this.request;
    this.generation = ring.generation;
    this.position = after > ring.head ? oldest : Math.max(after, oldest);
    if (this.position !== after)
      this.say('gap', {
        after,
        resumesAfter: this.position,
        reason: 'events in between are no longer kept; ask for the state of what matters',
      });
    this.response.write(frame(JSON.stringify({ place: this.position }), { id: this.position, event: 'open' }));
  }

  private async follow(ring: EventRing): Promise<void> {
    const { filter } = this.request;
    while (!this.signal.aborted) {
      if (ring.generation !== this.generation) this.beginAgain(ring);
      const next = ring.after(this.position);
      if (next === undefined) {
        const upTo = ring.since;
        for await (const event of this.events.history(this.position, upTo, filter, this.signal)) await this.send(event);
        this.position = upTo;
      } else if (next.length === 0) {
        await this.waitForNews();
      } else {
        for (const event of next) {
          if (this.signal.aborted) return;
          if (filter.wants(event.subject)) await this.send(event);
          this.position = event.seq;
        }
      }
    }
  }

  private beginAgain(ring: EventRing): void {
    this.generation = ring.generation;
    this.say('gap', { after: this.position, resumesAfter: 0, reason: 'the stream of events was made anew' });
    this.position = 0;
  }

  private async waitForNews(): Promise<void> {
    const quiet = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(true), ALIVE_MS);
      this.news = () => {
        clearTimeout(timer);
        resolve(false);
      };
    });
    this.news = undefined;
    if (quiet && !this.signal.aborted) this.response.write(': alive\n\n');
  }

  private async send({ seq, text }: Kept): Promise<void> {
    if (this.signal.aborted || this.response.write(frame(text, { id: seq }))) return;
    try {
      await once(this.response, 'drain', {
        signal: AbortSignal.any([this.signal, AbortSignal.timeout(this.patienceMs)]),
      });
    } catch {
      if (!this.signal.aborted) this.drop(seq);
    }
  }

  private drop(place: number): void {
    this.events.tooSlow();
    const seconds = this.patienceMs / 1_000;
    this.say('dropped', {
      resumesAfter: place,
      reason: `you took nothing for ${seconds} s; connect again with Last-Event-ID ${place}`,
    });
    this.response.end();
    this.leave('too slow');
    setTimeout(() => this.response.destroy(), LAST_WORD_MS).unref();
  }

  private say(event: string, data: object): void {
    this.response.write(frame(JSON.stringify(data), { event }));
  }

  private leave(why: string): void {
    this.gone.abort(why);
    this.wake();
  }
}
