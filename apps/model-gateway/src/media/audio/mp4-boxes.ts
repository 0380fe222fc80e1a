export interface Box {
  type: string;
  body: Buffer;
}

const HEAD = 8;
const LARGE_HEAD = 16;

/** The boxes that lie one after the other in some bytes; one that is cut off, or longer than what holds it, ends there. */
export function* boxesOf(bytes: Buffer): Generator<Box> {
  for (let at = 0; at + HEAD <= bytes.length;) {
    const given = bytes.readUInt32BE(at);
    const large = given === 1 && at + LARGE_HEAD <= bytes.length;
    const size = large ? Number(bytes.readBigUInt64BE(at + HEAD)) : given === 0 ? bytes.length - at : given;
    const head = large ? LARGE_HEAD : HEAD;
    // Nobody knows where the next one begins.
    if (size < head) return;
    yield { type: bytes.toString('latin1', at + 4, at + HEAD), body: bytes.subarray(at + head, at + size) };
    at += size;
  }
}

/** A number of four bytes in a box; 0 where it is cut off. */
export const uint32 = (body: Buffer, at: number): number => (at + 4 <= body.length ? body.readUInt32BE(at) : 0);

/** Some fields are of eight bytes in the second version of a box. */
export const isLong = (body: Buffer): boolean => body[0] === 1;
