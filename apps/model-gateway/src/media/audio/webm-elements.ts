import { PurserError } from '@purser/contracts';

export const ID = {
  ebml: 0x1a45dfa3,
  segment: 0x18538067,
  cluster: 0x1f43b675,
  blockGroup: 0xa0,
  tracks: 0x1654ae6b,
  track: 0xae,
  trackNumber: 0xd7,
  trackType: 0x83,
  codec: 0x86,
  codecPrivate: 0x63a2,
  encodings: 0x6d80,
  block: 0xa1,
  simpleBlock: 0xa3,
  encryptedBlock: 0xaf,
};

export interface Element {
  id: number;
  body: Buffer;
}

/** Where an element lies, without its head. */
export type Visit = (id: number, from: number, to: number) => void;

const CLUSTER = Buffer.from([0x1f, 0x43, 0xb6, 0x75]);
/** What these hold is read as if it stood beside them: their sizes need not be right, nor known. */
const OPENED = new Set([ID.segment, ID.cluster, ID.blockGroup, ID.tracks]);
/** A block of the slowest speech has more. */
const LEAST_BYTES = 16;
/** Of a file that is hardly one. */
const FEW = 10_000;

/** How many bytes a number has (RFC 8794, section 4.1), at most eight; 0 when it is none or cut off. */
function numberBytes(bytes: Buffer, at: number): number {
  const length = Math.clz32((bytes[at] ?? 0) << 24) + 1;
  return length <= 8 && at + length <= bytes.length ? length : 0;
}

export interface VariableNumber {
  /** NaN when all its bits are set, by which writers say that they do not know a size. */
  value: number;
  bytes: number;
}

export function variableNumber(bytes: Buffer, at: number): VariableNumber | undefined {
  const length = numberBytes(bytes, at);
  return length === 0 ? undefined : { value: numberAt(bytes, at, length), bytes: length };
}

function numberAt(bytes: Buffer, at: number, length: number): number {
  const first = (bytes[at] ?? 0) & (0xff >> length);
  let value = first;
  let unknown = first === 0xff >> length;
  for (let next = at + 1; next < at + length; next++) {
    const byte = bytes[next] ?? 0;
    unknown &&= byte === 0xff;
    value = value * 256 + byte;
  }
  return unknown ? NaN : value;
}

/**
 * The elements of a file, one after the other, with what clusters and the like hold in their place. Where it is damaged it
 * goes on with the next cluster, as decoders do.
 */
export function visitElements(file: Buffer, visit: Visit): void {
  const most = FEW + file.length / LEAST_BYTES;
  let elements = 0;
  for (let at = 0; at < file.length;) {
    const idBytes = numberBytes(file, at);
    const sizeBytes = idBytes > 0 && idBytes <= 4 ? numberBytes(file, at + idBytes) : 0;
    const id = sizeBytes > 0 ? file.readUIntBE(at, idBytes) : 0;
    const from = at + idBytes + sizeBytes;
    if (OPENED.has(id)) at = from;
    else {
      const to = sizeBytes > 0 ? from + numberAt(file, at + idBytes, sizeBytes) : NaN;
      // Also the last one of a recording that was cut off.
      if (!Number.isNaN(to)) visit(id, from, Math.min(to, file.length));
      const next = to <= file.length ? to : file.indexOf(CLUSTER, at + 1);
      at = next < 0 ? file.length : next;
    }
    // Made to keep us busy.
    if (++elements > most)
      throw new PurserError('invalid_request', {
        message: 'the recording is a damaged WebM file',
        details: { param: 'file' },
      });
  }
}

/** Those of a master element whose size is known, a track's. */
export function* childrenOf(body: Buffer): Generator<Element> {
  for (let at = 0; at < body.length;) {
    const idBytes = numberBytes(body, at);
    const size = idBytes > 0 && idBytes <= 4 ? variableNumber(body, at + idBytes) : undefined;
    if (!size || Number.isNaN(size.value)) return;
    const from = at + idBytes + size.bytes;
    yield { id: body.readUIntBE(at, idBytes), body: body.subarray(from, from + size.value) };
    at = from + size.value;
  }
}
