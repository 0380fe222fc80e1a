import { Injectable } from '@nestjs/common';
import { Clock, Log } from '@purser/service';
import { EffectsRepository } from '../effects/effects.repository.js';
import { Artifacts } from '../records/artifacts.service.js';
import { CheckpointsRepository } from '../records/checkpoints.repository.js';
import { Checkpoints } from '../records/checkpoints.service.js';
import { HandoffsRepository } from '../records/handoffs.repository.js';
import { LogWriter } from '../records/log-writer.js';
import { LOG_BOUNDS, LogsRepository } from '../records/logs.repository.js';
import { RecordNews } from '../records/news.service.js';
import { RecordsService } from '../records/records.service.js';
import { States } from '../records/states.service.js';
import { persist } from './persistence.js';
import { SessionRecords } from './session-records.js';
import type { Session } from './session.js';

/** Where a session's records go. */
@Injectable()
export class RecordStores {
  constructor(
    readonly checkpoints: CheckpointsRepository,
    readonly read: Checkpoints,
    readonly states: States,
    readonly handoffs: HandoffsRepository,
    readonly artifacts: Artifacts,
    readonly news: RecordNews,
    readonly effects: EffectsRepository,
  ) {}
}

/** Opens a session's records. */
@Injectable()
export class SessionRecordsService {
  constructor(
    private readonly records: RecordsService,
    private readonly stores: RecordStores,
    private readonly logs: LogsRepository,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** Rejects with `stale_epoch` when a newer session owns the task. */
  async open(session: Session): Promise<SessionRecords> {
    const { taskId, workspace, continues: earlier } = session.assignment;
    // The work tree of another task is not taken over, and a checkpoint without the work that it speaks of misleads.
    const continues = workspace ? [] : earlier;
    const { lastSeq, checkpoint, checkpointOf, damaged, handoff } = await persist(
      async () => {
        session.assertMayWrite();
        const found = await this.records.takeOver(session.writer, continues);
        // Until it has a checkpoint of its own: what it forgot or withdrew since then stays so.
        const ownState = found.checkpoint !== undefined && found.checkpointOf === taskId;
        if (earlier.length > 0 && !ownState) await this.stores.effects.inherit(session.writer, earlier);
        return found;
      },
      { mayGoOn: () => !session.wrap.aborted && !session.lease.over },
    );
    if (checkpoint) session.measuring.wentOnFrom(checkpoint, damaged[0]?.found ?? checkpoint.digest);
    const log = this.openLog(session, lastSeq);
    session.sayTo((line) => void log.line('purser', line));
    for (const { epoch, number, found } of damaged)
      session.say(`checkpoint ${number} of epoch ${epoch} is damaged (${found}); the one before it is taken`);
    await this.stores.news.damaged(taskId, damaged);
    return new SessionRecords(session, this.stores, this.clock, log, checkpoint, checkpointOf, handoff?.markdown);
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
