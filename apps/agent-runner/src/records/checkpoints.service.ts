import { Injectable } from '@nestjs/common';
import { PurserError } from '@purser/contracts';
import { Log } from '@purser/service';
import { CheckpointsRepository, type StoredCheckpoint } from './checkpoints.repository.js';
import { ChunksRepository } from './chunks.repository.js';
import type { Writer } from './fenced.js';
import { States } from './states.service.js';
import { MEMORY_LIMIT_BYTES, type StoredState } from './stored-state.js';

/** A checkpoint that is not what was saved. */
export interface Damage {
  epoch: number;
  number: number;
  digest: string;
  /** What was there instead. */
  found: string;
}

/** Finds the checkpoint that a task is to go on from. */
@Injectable()
export class Checkpoints {
  constructor(
    private readonly repository: CheckpointsRepository,
    private readonly states: States,
    private readonly chunks: ChunksRepository,
    private readonly log: Log,
  ) {}

  /** The newest whose bytes are what was saved; a damaged one falls back to the one before it. */
  async last(taskId: string): Promise<{ checkpoint: StoredCheckpoint | undefined; damaged: Damage[] }> {
    const damaged: Damage[] = [];
    for (;;) {
      const checkpoint = await this.repository.newest(taskId, damaged.length);
      if (!checkpoint) return { checkpoint, damaged };
      const found = await this.states.digestNow(taskId, checkpoint);
      if (found === checkpoint.digest) return { checkpoint, damaged };
      const { epoch, number, digest } = checkpoint;
      this.log.warn({ taskId, epoch, number, digest, found }, 'a checkpoint is damaged; the one before it is taken');
      damaged.push({ epoch, number, digest, found });
    }
  }

  /** With its bytes, unless it is one that is better read in pieces. */
  async withBytes(taskId: string, checkpoint: StoredCheckpoint): Promise<StoredCheckpoint> {
    if (checkpoint.bytes !== null || checkpoint.size > MEMORY_LIMIT_BYTES) return checkpoint;
    const pieces: Uint8Array[] = [];
    for await (const piece of this.states.read(taskId, checkpoint)) pieces.push(piece);
    return { ...checkpoint, bytes: Buffer.concat(pieces) };
  }

  withDigest(taskId: string, digest: string): Promise<StoredCheckpoint | undefined> {
    return this.repository.findByDigest(taskId, digest);
  }

  read(taskId: string, state: StoredState): AsyncGenerator<Uint8Array> {
    return this.states.read(taskId, state);
  }

  /** As base64. */
  async piece(taskId: string, state: StoredState, number: number): Promise<string> {
    try {
      return Buffer.from(await this.states.piece(taskId, state, number)).toString('base64');
    } catch (cause) {
      if (cause instanceof PurserError) throw cause;
      throw new PurserError('internal', { message: `it cannot be read: ${(cause as Error).message}`, cause });
    }
  }

  /** What earlier sessions began to save and did not finish. */
  clear({ taskId, epoch }: Writer): Promise<void> {
    return this.chunks.removeUnnamed(taskId, epoch);
  }
}
