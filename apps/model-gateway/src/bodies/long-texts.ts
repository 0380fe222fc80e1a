import { randomBytes } from 'node:crypto';

/** From here on a string of the body is set aside instead of being parsed; below, parsing it costs less than a mark. */
const LONG = 64 * 1024;
/** How much of a string stays, for those who ask what it is: `data:image/png;base64,`. */
const KEPT = 128;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MARK_BYTES = 16;

/**
 * Long strings of a JSON body (pictures, mostly), set aside as bytes, with marks in their places. Parsing and writing
 * JSON goes through every character on the one thread that all calls share; 20 MB of base64 would hold up the others
 * for longer than they may wait, so it is found by its quotes and carried as it came.
 */
export class LongTexts {
  static readonly none = new LongTexts('', []);

  private constructor(
    private readonly prefix: string,
    private readonly texts: readonly Buffer[],
  ) {}

  /** Takes the long strings out of a JSON text. */
  static takeFrom(json: Buffer): { json: Buffer; longTexts: LongTexts } {
    if (json.length < LONG) return { json, longTexts: LongTexts.none };
    // Nobody can know it, so nobody can write it into a body.
    const prefix = `purser:${randomBytes(MARK_BYTES).toString('hex')}:`;
    const texts: Buffer[] = [];
    const parts: Buffer[] = [];
    let copied = 0;
    for (const { from, to } of longStrings(json)) {
      const keep = Math.min(KEPT, to - from);
      // Not within a character of several bytes, which base64 has none of.
      if (json.subarray(from, from + keep).some((byte) => byte >= 0x80)) continue;
      parts.push(json.subarray(copied, from + keep), Buffer.from(`${prefix}${texts.length}:`));
      texts.push(json.subarray(from + keep, to));
      copied = to;
    }
    if (texts.length === 0) return { json, longTexts: LongTexts.none };
    return { json: Buffer.concat([...parts, json.subarray(copied)]), longTexts: new LongTexts(prefix, texts) };
  }

  get empty(): boolean {
    return this.texts.length === 0;
  }

  /** Bytes that were set aside. */
  get bytes(): number {
    return this.texts.reduce((sum, { length }) => sum + length, 0);
  }

  /** How long a text of the parsed body really is, in characters. */
  lengthOf(text: string): number {
    return this.split(text).reduce((sum, part) => sum + part.length, 0);
  }

  /** The body as JSON, with the long strings back in their places, in pieces that are not copied. */
  serialise(body: object): Uint8Array[] {
    const json = JSON.stringify(body);
    return this.empty ? [Buffer.from(json)] : this.split(json).map((part) => Buffer.from(part as never));
  }

  /** The value with its long strings whole again, for those who need them as strings. */
  restore<T>(value: T): T {
    if (this.empty) return value;
    return this.restored(value) as T;
  }

  private restored(value: unknown): unknown {
    if (typeof value === 'string')
      return value.includes(this.prefix)
        ? this.split(value)
            .map((part) => (typeof part === 'string' ? part : part.toString()))
            .join('')
        : value;
    if (Array.isArray(value)) return value.map((item) => this.restored(item));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.restored(item)]));
  }

  /** Text and set-aside bytes in turn. */
  private split(text: string): (string | Buffer)[] {
    if (this.empty) return [text];
    const parts: (string | Buffer)[] = [];
    let from = 0;
    for (let at = text.indexOf(this.prefix); at >= 0; at = text.indexOf(this.prefix, from)) {
      const numberAt = at + this.prefix.length;
      const end = text.indexOf(':', numberAt);
      const found = this.texts[Number(text.slice(numberAt, end))];
      if (!found) break;
      parts.push(text.slice(from, at), found);
      from = end + 1;
    }
    parts.push(text.slice(from));
    return parts;
  }
}

/** Where long strings without an escape in them stand, without their quotes. Assumes JSON; what is none fails to parse later. */
function* longStrings(json: Buffer): Generator<{ from: number; to: number }> {
  let at = json.indexOf(QUOTE);
  while (at >= 0) {
    const from = at + 1;
    const to = closingQuote(json, from);
    if (to < 0) return;
    const text = json.subarray(from, to);
    if (to - from >= LONG && !text.includes(BACKSLASH)) yield { from, to };
    at = json.indexOf(QUOTE, to + 1);
  }
}

function closingQuote(json: Buffer, from: number): number {
  for (let to = json.indexOf(QUOTE, from); to >= 0; to = json.indexOf(QUOTE, to + 1)) {
    let slashes = 0;
    while (json[to - 1 - slashes] === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return to;
  }
  return -1;
}
