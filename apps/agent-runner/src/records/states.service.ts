import { createHash, randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import { Injectable } from '@nestjs/common';
import { PurserError } from '@purser/contracts';
import { ChunksRepository } from './chunks.repository.js';
import type { Writer } from './fenced.js';
import { digestOf, inPieces, PIECE_BYTES, STATE_LIMIT_BYTES, type StoredState } from './stored-state.js';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** Carries a statement out, again while the trouble passes and its session may write. */
export type Attempt = (statement: () => Promise<void>) => Promise<void>;

/** Puts bytes away, a piece at a time, and reads them back; each piece is compressed by itself, so that any can be read alone. */
@Injectable()
export class States {
  constructor(private readonly chunks: ChunksRepository) {}

  /** Small ones come back to be put into the row; of a larger one no more than two pieces are in memory. */
  async put(
    writer: Writer,
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    attempt: Attempt,
    what = 'a checkpoint',
  ): Promise<StoredState> {
    const hash = createHash('sha256');
    const blob = `${writer.epoch}-${randomUUID()}`;
    let first: Uint8Array | undefined;
    let [size, chunks] = [0, 0];
    const write = async (piece: Uint8Array) => {
      const packed = await compress(piece);
      await attempt(() => this.chunks.write(writer, blob, chunks, packed));
      chunks += 1;
    };
    try {
      for await (const piece of inPieces(source)) {
        size += piece.length;
        if (size > STATE_LIMIT_BYTES) throw tooLarge(what);
        hash.update(piece);
        if (chunks === 0 && !first) {
          first = piece;
          continue;
        }
        if (chunks === 0) await write(first!);
        await write(piece);
      }
    } catch (error) {
      if (chunks > 0) await this.chunks.remove(writer.taskId, blob).catch(() => undefined);
      throw error;
    }
    const digest = `sha256:${hash.digest('hex')}`;
    if (chunks === 0) return { size, digest, bytes: first ?? new Uint8Array(), blob: null, chunks };
    return { size, digest, bytes: null, blob, chunks };
  }

  /** Takes back what was put away and came to no use. */
  async discard(writer: Writer, { blob }: StoredState): Promise<void> {
    if (blob !== null) await this.chunks.remove(writer.taskId, blob);
  }

  /** One piece of it; throws when it is not there, or is not what was written. */
  async piece(taskId: string, { bytes, blob }: StoredState, number: number): Promise<Uint8Array> {
    if (bytes !== null) return number === 0 ? bytes : new Uint8Array();
    const packed = await this.chunks.read(taskId, blob ?? '', number);
    if (!packed) throw new Error(`its piece ${number} is missing`);
    return decompress(packed, { maxOutputLength: PIECE_BYTES });
  }

  async *read(taskId: string, state: StoredState): AsyncGenerator<Uint8Array> {
    if (state.bytes !== null) {
      yield state.bytes;
      return;
    }
    for (let number = 0; number < state.chunks; number += 1) yield await this.piece(taskId, state, number);
  }

  /** The digest of what can be read now; in words what is wrong when it cannot. */
  async digestNow(taskId: string, state: StoredState): Promise<string> {
    if (state.bytes !== null) return digestOf(state.bytes);
    const hash = createHash('sha256');
    try {
      for await (const piece of this.read(taskId, state)) hash.update(piece);
    } catch (error) {
      // Trouble with the database is no damage.
      if (error instanceof PurserError) throw error;
      return `unreadable: ${(error as Error).message}`;
    }
    return `sha256:${hash.digest('hex')}`;
  }
}

function tooLarge(what: string): PurserError {
  return new PurserError('payload_too_large', {
    message: `${what} is above the limit of ${STATE_LIMIT_BYTES} bytes; keep big things in the workspace and name them`,
    details: { limit: STATE_LIMIT_BYTES },
  });
}
