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

/** The events of a stream, in the batches in which their bytes came. Throws when it is not a stream of events. */
export async function* readEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<EventSourceMessage[], void> {
  const decoder = new TextDecoder();
  let events: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => events.push(event), maxBufferSize: MAX_EVENT_CHARACTERS });
  for await (const bytes of body) {
    parser.feed(decoder.decode(bytes, { stream: true }));
    if (events.length === 0) continue;
    const batch = events;
    events = [];
    yield batch;
  }
  // Some servers leave out the blank line after the last event.
  parser.feed(`${decoder.decode()}\n\n`);
  if (events.length > 0) yield events;
}
