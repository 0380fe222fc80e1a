import { randomBytes } from 'node:crypto';
import type { SetAside } from '@purser/plugin-sdk';

/** Smaller bodies are parsed as they are: the others notice nothing of it. */
const LARGE = 64 * 1024;
/** From here on a string of a large body is set aside; parsing and writing one of 4 KB takes three times as long as its mark. */
const LONG = 4 * 1024;
/** How much of a string stays, for those who ask what it is: `data:image/png;base64,`. */
const KEPT = 128;
/** Quotes that are nearer to each other, over the whole body, are not all looked at. */
const BYTES_PER_QUOTE = 256;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MARK_BYTES = 16;

/**
 * Long strings of a JSON body (pictures, mostly), set aside as bytes, with marks in their places. Parsing and writing
 * JSON goes through every character on the one thread that all calls share; 20 MB of base64 would hold up the others
 * for longer than they may wait, so it is found by its quotes and carried as it came.
 */
export class LongTexts implements SetAside {
  static readonly none = new LongTexts('', []);

  private constructor(
    private readonly prefix: string,
    private readonly texts: readonly Buffer[],
  ) {}

  /** Takes the long strings out of a JSON text. */
  static takeFrom(json: Buffer): { json: Buffer; longTexts: LongTexts } {
    if (json.length < LARGE) return { json, longTexts: LongTexts.none };
    // Nobody can know it, so nobody can write it into a body.
    const prefix = `purser:${randomBytes(MARK_BYTES).toString('hex')}:`;
    const texts: Buffer[] = [];
    const parts: Buffer[] = [];
    let copied = 0;
    for (const { from, to } of longStrings(json)) {
      const keptTo = endOfHead(json, from, to);
      parts.push(json.subarray(copied, keptTo), Buffer.from(`${prefix}${texts.length}:`));
      texts.push(json.subarray(keptTo, to));
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

  /** How long a text of the parsed body really is: in characters, and in bytes where it was set aside, never more than were sent. */
  lengthOf(text: string): number {
    return this.split(text).reduce((sum, part) => sum + part.length, 0);
  }

  /** The body as JSON, with the long strings back in their places, in pieces that are not copied. */
  serialise(body: object): Uint8Array[] {
    return this.fill(JSON.stringify(body));
  }

  fill(json: string): Uint8Array[] {
    return this.empty ? [Buffer.from(json)] : this.split(json).map((part) => Buffer.from(part as never));
  }

  /** The value with its long strings whole again, for those who need them as strings. */
  restore<T>(value: T): T {
    if (this.empty) return value;
    return this.restored(value) as T;
  }

  private restored(value: unknown): unknown {
    if (typeof value === 'string') return this.wholeText(value);
    if (Array.isArray(value)) return value.map((item) => this.restored(item));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [this.wholeText(key), this.restored(item)]));
  }

  private wholeText(text: string): string {
    if (!text.includes(this.prefix)) return text;
    return this.split(text)
      .map((part) => (typeof part === 'string' ? part : part.toString()))
      .join('');
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

/**
 * Where long strings without an escape in them stand, without their quotes. To undo escapes here would take as long as to
 * parse them; and where quotes are many, to look at each, so that what follows too many of them is left to the parser.
 * Assumes JSON; what is none fails to parse later.
 */
function* longStrings(json: Buffer): Generator<{ from: number; to: number }> {
  let from = -1;
  let quotes = json.length / BYTES_PER_QUOTE;
  for (let at = json.indexOf(QUOTE); at >= 0 && quotes > 0; at = json.indexOf(QUOTE, at + 1)) {
    quotes -= 1;
    if (from < 0) from = at + 1;
    else if (!isEscaped(json, at)) {
      if (at - from >= LONG && !json.subarray(from, at).includes(BACKSLASH)) yield { from, to: at };
      from = -1;
    }
  }
}

function isEscaped(json: Buffer, at: number): boolean {
  let slashes = 0;
  while (json[at - 1 - slashes] === BACKSLASH) slashes += 1;
  return slashes % 2 === 1;
}

/** Between two characters: one of several bytes is not torn apart. */
function endOfHead(json: Buffer, from: number, to: number): number {
  let end = Math.min(from + KEPT, to);
  while (end > from && isWithinCharacter(json[end])) end -= 1;
  return end;
}

const isWithinCharacter = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80;
