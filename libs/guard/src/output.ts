import type { Readable } from 'node:stream';

/** A longer line is passed on in pieces. */
export const LINE_LIMIT = 16 * 1024;

/** The last bytes of a stream. */
export class Tail {
  private readonly limit: number;
  private kept: Buffer = Buffer.alloc(0);

  constructor(limit: number) {
    this.limit = limit;
  }

  add(chunk: Buffer): void {
    const joined = chunk.length >= this.limit ? chunk : Buffer.concat([this.kept, chunk]);
    this.kept = Buffer.from(joined.subarray(Math.max(0, joined.length - this.limit)));
  }

  /** From the first whole character on. */
  toString(): string {
    let start = 0;
    while (start < 4 && isContinuation(this.kept[start])) start += 1;
    return readable(this.kept.subarray(start));
  }
}

const isContinuation = (byte: number | undefined) => byte !== undefined && (byte & 0xc0) === 0x80;

/** NUL is no text for a database or a terminal; it shows as U+FFFD. */
const readable = (bytes: Buffer) => bytes.toString('utf8').replaceAll('\0', '\ufffd');

/** The largest end of at most `limit` bytes that does not cut a character in two. */
function pieceEnd(bytes: Buffer, start: number, limit: number): number {
  let end = start + limit;
  while (end > start + limit - 4 && isContinuation(bytes[end])) end -= 1;
  return end;
}

/** Splits at newlines, holds no more than one line, and reads on only when `take` has taken it. */
export async function pumpLines(
  stream: Readable,
  tail: Tail,
  take: (line: string) => void | Promise<void>,
): Promise<void> {
  let rest: Buffer = Buffer.alloc(0);
  const pass = async (bytes: Buffer) => {
    const line = readable(bytes.at(-1) === 0x0d ? bytes.subarray(0, -1) : bytes);
    // Awaiting what is no promise would cost a turn of the loop for every line of a flood.
    const taken = take(line);
    if (taken) await taken;
  };
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    tail.add(chunk);
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let start = 0;
    for (;;) {
      const newline = bytes.indexOf(0x0a, start);
      const end = newline === -1 ? bytes.length : newline;
      if (end - start > LINE_LIMIT) {
        const cut = pieceEnd(bytes, start, LINE_LIMIT);
        await pass(bytes.subarray(start, cut));
        start = cut;
      } else if (newline === -1) {
        break;
      } else {
        await pass(bytes.subarray(start, newline));
        start = newline + 1;
      }
    }
    rest = Buffer.from(bytes.subarray(start));
  }
  if (rest.length > 0) await pass(rest);
}
