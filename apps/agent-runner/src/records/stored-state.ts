import { createHash } from 'node:crypto';

/** Bytes that are kept: in the row itself, or in pieces beside it. */
export interface StoredState {
  size: number;
  digest: string;
  /** Null when it lies in pieces. */
  bytes: Uint8Array | null;
  blob: string | null;
  chunks: number;
}

/** Of what lies in a row, and of each piece before it is compressed. */
export const PIECE_BYTES = 1024 * 1024;
/** Of a checkpoint or an artifact. */
export const STATE_LIMIT_BYTES = 256 * 1024 * 1024;
/** Above it a state is given on as a file. */
export const MEMORY_LIMIT_BYTES = 16 * 1024 * 1024;

export const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** The same bytes in pieces of one size, of which the last may be shorter; one empty piece when there are none. */
export async function* inPieces(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  bytes = PIECE_BYTES,
): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let length = 0;
  let any = false;
  for await (const part of source) {
    for (let rest = part; rest.length > 0;) {
      const taken = rest.subarray(0, bytes - length);
      held.push(taken);
      length += taken.length;
      rest = rest.subarray(taken.length);
      if (length < bytes) continue;
      any = true;
      yield Buffer.concat(held);
      held = [];
      length = 0;
    }
  }
  if (length > 0 || !any) yield Buffer.concat(held);
}
