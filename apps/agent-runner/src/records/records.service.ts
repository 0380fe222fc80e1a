import { Injectable } from '@nestjs/common';
import {
  type LogLine,
  PurserError,
  type ReplyOf,
  type RequestOf,
  type sessionsCheckpoint,
  type sessionsContent,
  type sessionsHandoff,
} from '@purser/contracts';
import { Artifacts } from './artifacts.service.js';
import type { StoredCheckpoint } from './checkpoints.repository.js';
import { Checkpoints, type Damage } from './checkpoints.service.js';
import type { Writer } from './fenced.js';
import { FencesRepository } from './fences.repository.js';
import { HandoffsRepository, type StoredHandoff } from './handoffs.repository.js';
import { LogsRepository } from './logs.repository.js';

/** JSON may write one byte of text as six, and a reply has to fit into 8 MiB. */
const LOG_PAGE_BYTES = 1024 * 1024;

/** What a new session starts with. */
export interface Inheritance {
  lastSeq: number;
  checkpoint: StoredCheckpoint | undefined;
  /** The task that it is of: this one, or one that this one goes on from. */
  checkpointOf: string;
  /** Newer than the checkpoint, and of no use. */
  damaged: Damage[];
  handoff: StoredHandoff | undefined;
}

/** Reads what sessions left behind; any instance can. */
@Injectable()
export class RecordsService {
  constructor(
    private readonly fences: FencesRepository,
    private readonly checkpoints: Checkpoints,
    private readonly handoffs: HandoffsRepository,
    private readonly logs: LogsRepository,
    private readonly artifacts: Artifacts,
  ) {}

  /** Raises the fence before anything is loaded, so that nothing can be written behind the new session's back. */
  async takeOver(writer: Writer, continues: readonly string[] = []): Promise<Inheritance> {
    const { taskId } = writer;
    await this.fences.raise(writer);
    const [lastSeq, { checkpoint, damaged }, handoff] = await Promise.all([
      this.logs.lastSeq(taskId),
      this.checkpoints.last(taskId),
      this.handoffs.find(taskId),
      this.checkpoints.clear(writer),
    ]);
    const own = checkpoint && { taskId, checkpoint };
    const left = own ? undefined : await this.leftBy(continues);
    const from = own ?? left?.from;
    const loaded = from && (await this.checkpoints.withBytes(from.taskId, from.checkpoint));
    return {
      lastSeq,
      checkpoint: loaded,
      checkpointOf: from?.taskId ?? taskId,
      damaged: [...damaged, ...(left?.damaged ?? [])],
      handoff: handoff ?? left?.handoff,
    };
  }

  /** What the nearest of these tasks that left a checkpoint left; without any, the nearest handoff document. */
  private async leftBy(tasks: readonly string[]): Promise<{
    from: { taskId: string; checkpoint: StoredCheckpoint } | undefined;
    damaged: Inheritance['damaged'];
    handoff: StoredHandoff | undefined;
  }> {
    let handoff: StoredHandoff | undefined;
    const damaged: Inheritance['damaged'] = [];
    for (const taskId of tasks) {
      handoff ??= await this.handoffs.find(taskId);
      const last = await this.checkpoints.last(taskId);
      damaged.push(...last.damaged);
      if (last.checkpoint) return { from: { taskId, checkpoint: last.checkpoint }, damaged, handoff };
    }
    return { from: undefined, damaged, handoff };
  }

  async checkpoint(taskId: string): Promise<ReplyOf<typeof sessionsCheckpoint>> {
    const { epoch, number, digest, at, bytes, size, commit } = await this.checkpointOf(taskId);
    const state = bytes === null ? null : readable(bytes);
    return { taskId, epoch, number, digest, at: at.toISOString(), size, commit, inline: bytes !== null, state };
  }

  /** One piece of the last checkpoint, or of an artifact. */
  async content({
    id: taskId,
    artifact,
    digest,
    piece,
  }: RequestOf<typeof sessionsContent>): Promise<ReplyOf<typeof sessionsContent>> {
    const state =
      artifact === undefined ? await this.checkpointOf(taskId, digest) : await this.artifacts.find(taskId, artifact);
    if (digest !== undefined && state.digest !== digest)
      throw new PurserError('conflict', { message: `it was replaced while it was read; read it from its start` });
    const bytes = await this.checkpoints.piece(taskId, state, piece);
    return { digest: state.digest, size: state.size, pieces: Math.max(1, state.chunks), bytes };
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

  private async checkpointOf(taskId: string, digest?: string): Promise<StoredCheckpoint> {
    const found =
      digest === undefined
        ? (await this.checkpoints.last(taskId)).checkpoint
        : await this.checkpoints.withDigest(taskId, digest);
    if (found) return found;
    if (digest !== undefined)
      throw new PurserError('conflict', { message: `that checkpoint of task ${taskId} is no longer kept` });
    throw new PurserError('not_found', { message: `task ${taskId} has no checkpoint (yet)` });
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
