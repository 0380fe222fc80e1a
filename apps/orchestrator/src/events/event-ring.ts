import type { Kept } from '@purser/bus';

const MAX_EVENTS = 4_096;
const MAX_CHARACTERS = 16 * 1024 * 1024;
/** A slow reader keeps no more than these from being forgotten. */
const AT_ONCE = 256;

/** The newest events, in memory once for all clients. It covers every place after `since`. */
export class EventRing {
  private readonly events: Kept[] = [];
  private characters = 0;
  /** Grows when places begin again. */
  generation = 0;

  constructor(public since: number) {}

  /** The place of the newest. */
  get head(): number {
    return this.events.at(-1)?.seq ?? this.since;
  }

  add(event: Kept): void {
    this.events.push(event);
    this.characters += event.text.length;
    while (this.events.length > MAX_EVENTS || (this.characters > MAX_CHARACTERS && this.events.length > 1)) {
      const gone = this.events.shift();
      if (!gone) return;
      this.characters -= gone.text.length;
      this.since = gone.seq;
    }
  }

  restart(): void {
    this.events.length = 0;
    this.characters = 0;
    this.since = 0;
    this.generation += 1;
  }

  /** The next of what follows a place; undefined when some of it is no longer here. */
  after(place: number): readonly Kept[] | undefined {
    if (place < this.since) return undefined;
    let low = 0;
    let high = this.events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.events[middle]?.seq ?? Infinity) <= place) low = middle + 1;
      else high = middle;
    }
    return this.events.slice(low, low + AT_ONCE);
  }
}
