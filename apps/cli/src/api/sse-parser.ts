export interface SseMessage {
  id: string | undefined;
  /** Undefined for an ordinary message. */
  event: string | undefined;
  data: string;
}

/** Puts server-sent events together from the pieces that they arrive in. */
export class SseParser {
  private rest = '';

  take(text: string): SseMessage[] {
    const blocks = (this.rest + text).split('\n\n');
    this.rest = blocks.pop() ?? '';
    return blocks.flatMap((block) => messageOf(block));
  }
}

function messageOf(block: string): SseMessage[] {
  const message: SseMessage = { id: undefined, event: undefined, data: '' };
  const data: string[] = [];
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    // A comment, which only says that the connection lives.
    if (colon === 0) continue;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') data.push(value);
    else if (name === 'id' || name === 'event') message[name] = value;
  }
  return data.length === 0 ? [] : [{ ...message, data: data.join('\n') }];
}
