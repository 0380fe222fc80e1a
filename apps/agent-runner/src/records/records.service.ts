import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import {
  type LogLine,
  PurserError,
  type ReplyOf,
  type sessionsCheckpoint,
  type sessionsHandoff,
} from '@purser/contracts';
import { Log } from '@purser/service';
import { CheckpointsRepository, type StoredCheckpoint } from './checkpoints.repository.js';
import type { Writer } from './fenced.js';
import { FencesRepository } from './fences.repository.js';
import { HandoffsRepository, type StoredHandoff } from './handoffs.repository.js';
import { LogsRepository } from './logs.repository.js';

export const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** JSON may write one byte of text as six, and a reply has to fit into 8 MiB. */
const LOG_PAGE_BYTES = 1024 * 1024;

/** What a new session starts with. */
export interface Inheritance {
  lastSeq: number;
  checkpoint: StoredCheckpoint | undefined;
  handoff: StoredHandoff | undefined;
}

/** Reads what sessions left behind; any instance can. */
@Injectable()
export class RecordsService {
  constructor(
    private readonly fences: FencesRepository,
    private readonly checkpoints: CheckpointsRepository,
    private readonly handoffs: HandoffsRepository,
    private readonly logs: LogsRepository,
    private readonly log: Log,
  ) {}

  /** Raises the fence before anything is loaded, so that nothing can be written behind the new session's back. */
  async takeOver(writer: Writer, continues: readonly string[] = []): Promise<Inheritance> {
    await this.fences.raise(writer);
    const [lastSeq, checkpoint, handoff] = await Promise.all([
      this.logs.lastSeq(writer.taskId),
      this.lastCheckpoint(writer.taskId),
      this.handoffs.find(writer.taskId),
    ]);
    const left = checkpoint ? undefined : await this.leftBy(continues);
    return { lastSeq, checkpoint: checkpoint ?? left?.checkpoint, handoff: handoff ?? left?.handoff };
  }

  /** What the nearest of these tasks that left a checkpoint left; without any, the nearest handoff document. */
  private async leftBy(tasks: readonly string[]): Promise<Omit<Inheritance, 'lastSeq'>> {
    let handoff: StoredHandoff | undefined;
    for (const taskId of tasks) {
      handoff ??= await this.handoffs.find(taskId);
      const checkpoint = await this.lastCheckpoint(taskId);
      if (checkpoint) return { checkpoint, handoff };
    }
    return { checkpoint: undefined, handoff };
  }

  /** The newest checkpoint whose bytes are what was saved; a damaged one falls back to the one before it. */
  async lastCheckpoint(taskId: string): Promise<StoredCheckpoint | undefined> {
    for (const checkpoint of await this.checkpoints.list(taskId)) {
      const found = digestOf(checkpoint.bytes);
      if (found === checkpoint.digest) return checkpoint;
      const { epoch, number, digest } = checkpoint;
      this.log.warn({ taskId, epoch, number, digest, found }, 'a checkpoint is damaged; the one before it is taken');
    }
    return undefined;
  }

  async checkpoint(taskId: string): Promise<ReplyOf<typeof sessionsCheckpoint>> {
    const found = await this.lastCheckpoint(taskId);
    if (!found) throw new PurserError('not_found', { message: `task ${taskId} has no checkpoint (yet)` });
    const { epoch, number, digest, at, bytes } = found;
    return { taskId, epoch, number, digest, at: at.toISOString(), state: readable(bytes) };
  }

  async handoff(taskId: string, epoch?: number): Promise<ReplyOf<typeof sessionsHandoff>> {
    const found = await this.handoffs.find(taskId, epoch);
    if (!found) {
      const which = epoch === undefined ? '' : ` of epoch ${epoch}`;
      throw new PurserError('not_found', { message: `task ${taskId} has no handoff document${which} (yet)` });
    }
    return { taskId, epoch: found.epoch, at: found.at.toISOString(), markdown: found.markdown };
  }

  async readLogs(taskId: string, after: number, limit: number): Promise<{ lines: LogLine[]; next: number }> {
    const lines = await this.logs.read(taskId, after, limit, LOG_PAGE_BYTES);
    return { lines, next: lines.at(-1)?.seq ?? after };
  }
}

/** A state is JSON for all executors that are built in; what another one saved is shown as its bytes. */
function readable(bytes: Uint8Array): unknown {
  const buffer = Buffer.from(bytes);
  try {
    return JSON.parse(buffer.toString('utf8')) as unknown;
  } catch {
    return { base64: buffer.toString('base64') };
  }
}
