import { Injectable } from '@nestjs/common';
import { isPurserError, PurserError } from '@purser/contracts';
import { Clock, Log } from '@purser/service';
import { CheckpointsRepository, type StoredCheckpoint } from '../records/checkpoints.repository.js';
import { HandoffsRepository } from '../records/handoffs.repository.js';
import { LogWriter } from '../records/log-writer.js';
import { LOG_BOUNDS, LogsRepository } from '../records/logs.repository.js';
import { digestOf, RecordsService } from '../records/records.service.js';
import { persist } from './persistence.js';
import type { Session } from './session.js';

export const STATE_LIMIT_BYTES = 1024 * 1024;
const WRITE_MS = 8_000;

interface Repositories {
  checkpoints: CheckpointsRepository;
  handoffs: HandoffsRepository;
}

/** All that one session writes, in order, fenced, and not after its lease. */
export class SessionRecords {
  /** The last checkpoint: this session's, or else the one it went on from. */
  last: StoredCheckpoint | undefined;
  wroteHandoff = false;
  private writing: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly session: Session,
    private readonly repositories: Repositories,
    private readonly clock: Clock,
    readonly log: LogWriter,
    readonly resumed: StoredCheckpoint | undefined,
    readonly handoff: string | undefined,
  ) {
    this.last = resumed;
  }

  saveCheckpoint(state: Uint8Array): Promise<void> {
    const bytes = Uint8Array.from(state);
    refuseAbove(bytes.length, 'a checkpoint');
    return this.inOrder(async () => {
      const { epoch } = this.session.assignment;
      const digest = digestOf(bytes);
      const own = this.session.checkpoint;
      if (own?.digest === digest) return;
      const checkpoint = { number: (own?.number ?? 0) + 1, digest, bytes, at: this.clock.now() };
      await this.write(() => this.repositories.checkpoints.save(this.session.writer, checkpoint));
      this.session.checkpoint = { number: checkpoint.number, digest };
      this.last = { epoch, ...checkpoint };
    });
  }

  saveHandoff(markdown: string): Promise<void> {
    refuseAbove(Buffer.byteLength(markdown), 'a handoff document');
    return this.inOrder(async () => {
      const text = markdown.replaceAll('\0', '\uFFFD');
      await this.write(() => this.repositories.handoffs.save(this.session.writer, text, this.clock.now()));
      this.wroteHandoff = true;
    });
  }

  private inOrder(work: () => Promise<void>): Promise<void> {
    const done = this.writing.then(work);
    this.writing = done.catch(() => undefined);
    return done;
  }

  private async write(statement: () => Promise<void>): Promise<void> {
    const deadline = this.clock.monotonic() + WRITE_MS;
    try {
      await persist(
        async () => {
          this.session.assertMayWrite();
          await statement();
        },
        { mayGoOn: () => this.clock.monotonic() < deadline },
      );
    } catch (error) {
      if (isPurserError(error) && error.code === 'stale_epoch') this.session.refused();
      throw error;
    }
  }
}

function refuseAbove(bytes: number, what: string): void {
  if (bytes <= STATE_LIMIT_BYTES) return;
  throw new PurserError('payload_too_large', {
    message: `${what} of ${bytes} bytes is above the limit of ${STATE_LIMIT_BYTES}; keep big things in the workspace and name them`,
    details: { limit: STATE_LIMIT_BYTES, bytes },
  });
}

/** Opens a session's records. */
@Injectable()
export class SessionRecordsService {
  constructor(
    private readonly records: RecordsService,
    private readonly checkpoints: CheckpointsRepository,
    private readonly handoffs: HandoffsRepository,
    private readonly logs: LogsRepository,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** Rejects with `stale_epoch` when a newer session owns the task. */
  async open(session: Session): Promise<SessionRecords> {
    const { lastSeq, checkpoint, handoff } = await persist(
      () => {
        session.assertMayWrite();
        return this.records.takeOver(session.writer, session.assignment.continues);
      },
      { mayGoOn: () => !session.wrap.aborted && !session.lease.over },
    );
    const log = this.openLog(session, lastSeq);
    session.sayTo((line) => void log.line('purser', line));
    const repositories = { checkpoints: this.checkpoints, handoffs: this.handoffs };
    return new SessionRecords(session, repositories, this.clock, log, checkpoint, handoff?.markdown);
  }

  private openLog(session: Session, lastSeq: number): LogWriter {
    const { taskId, epoch } = session.assignment;
    return new LogWriter({
      sink: {
        append: async (lines) => {
          session.assertMayWrite();
          await this.logs.append(session.writer, lines);
        },
        trim: () => this.logs.trim(taskId, LOG_BOUNDS),
      },
      lastSeq,
      now: () => this.clock.now(),
      onStale: () => session.refused(),
      report: (error, message) => this.log.warn({ error, taskId, epoch }, message),
      boundsInWords: `${LOG_BOUNDS.lines} lines or ${LOG_BOUNDS.bytes / 1024 / 1024} MiB`,
    });
  }
}
