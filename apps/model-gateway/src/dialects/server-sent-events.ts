import { createParser, type EventSourceMessage } from 'eventsource-parser';

/** One server-sent event; `data` is text, JSON in all protocols here. */
export interface SseEvent {
  event?: string | undefined;
  data: string;
}

export function formatEvent({ event, data }: SseEvent): string {
  // JSON may be written over several lines, each of which is a line of data.
  const lines = data.includes('\n') ? data.replaceAll('\n', '\ndata: ') : data;
  return event === undefined ? `data: ${lines}\n\n` : `event: ${event}\ndata: ${lines}\n\n`;
}

/** A comment, which clients pass over. */
export const formatComment = (text: string): string => `: ${text.replaceAll(/[\r\n]+/g, ' ')}\n\n`;

/** An event that never ends must not fill the memory. */
const MAX_EVENT_CHARACTERS = 64 * 1024 * 1024;

/** Takes a stream apart into its events, as its bytes come. Throws when it is not a stream of events. */
export class EventReader {
  private readonly decoder = new TextDecoder();
  private events: EventSourceMessage[] = [];
  private readonly parser = createParser({
    onEvent: (event) => this.events.push(event),
    maxBufferSize: MAX_EVENT_CHARACTERS,
  });

  /** The events that are whole now. */
  take(bytes: Uint8Array): readonly EventSourceMessage[] {
    return this.parse(this.decoder.decode(bytes, { stream: true }));
  }

  /** What was left: some servers leave out the blank line after the last event. */
  end(): readonly EventSourceMessage[] {
    return this.parse(`${this.decoder.decode()}\n\n`);
  }

  private parse(text: string): readonly EventSourceMessage[] {
    this.parser.feed(text);
    const { events } = this;
    if (events.length > 0) this.events = [];
    return events;
  }
}
