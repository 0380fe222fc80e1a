import { Injectable } from '@nestjs/common';
import { type FinishOutcome, invalidRequest, isPurserError } from '@purser/contracts';
import type { ExecutorResult } from '@purser/plugin-sdk';
import { Log } from '@purser/service';
import { Executors } from '../executors/executors.js';
import { SessionKeys } from '../keys/session-keys.service.js';
import { Finisher } from '../work/finisher.service.js';
import { type SessionFolders, Workspaces } from '../workspaces/workspaces.service.js';
import { describeSession } from './handoff-document.js';
import { decideOutcome } from './outcome.js';
import type { Session } from './session.js';
import { type SessionRecords, SessionRecordsService } from './session-records.service.js';
import { inWords } from './stop-cause.js';

/** An executor that was told to stop everything and does not return; its own limits are shorter. */
const STUCK_MS = 30_000;
const LOG_CLOSE_MS = 5_000;

const failed = (code: string, message: string): ExecutorResult => ({ kind: 'failed', error: { code, message } });

/** One session from its claim to its finish. */
@Injectable()
export class SessionRunner {
  constructor(
    private readonly records: SessionRecordsService,
    private readonly executors: Executors,
    private readonly keys: SessionKeys,
    private readonly workspaces: Workspaces,
    private readonly finisher: Finisher,
    private readonly log: Log,
  ) {}

  /** Never rejects. `before`: what has to be over first, such as an older session of the same task here. */
  async run(session: Session, before: Promise<unknown>): Promise<void> {
    const { taskId, epoch } = session.assignment;
    let folders: SessionFolders | undefined;
    let records: SessionRecords | undefined;
    try {
      await before;
      if (session.cause) {
        await this.finisher.finish(session, { kind: 'released', reason: inWords(session.cause) });
        return;
      }
      records = await this.open(session);
      if (!records) return;
      folders = await this.workspaces.prepare(session);
      const result = await this.work(session, records, folders);
      session.workDone();
      await this.close(session, records, folders, result);
    } catch (error) {
      this.log.error({ error, taskId, epoch, sessionId: session.id }, 'a session could not be run');
      const message = `the runner could not run the session: ${(error as Error).message}`;
      await this.finisher.finish(session, { kind: 'failed', error: { code: 'runner', message } });
    } finally {
      session.workDone();
      await records?.log.close(LOG_CLOSE_MS);
      await this.keys.revoke(session);
      if (folders) await this.workspaces.clear(folders);
      if (session.lost !== undefined)
        this.log.warn({ taskId, epoch, reason: session.lost }, 'a session was lost: it was stopped without a finish');
    }
  }

  /** Undefined when there is no session to be run: a newer one owns the task, or the database is away. */
  private async open(session: Session): Promise<SessionRecords | undefined> {
    try {
      return await this.records.open(session);
    } catch (error) {
      if (!isPurserError(error)) throw error;
      if (error.code === 'stale_epoch') session.refused();
      else if (!error.retryable) throw error;
      await this.finisher.finish(session, {
        kind: 'released',
        reason: session.cause ? inWords(session.cause) : `not started: ${error.message}`,
      });
      return undefined;
    }
  }

  private async work(session: Session, records: SessionRecords, folders: SessionFolders): Promise<ExecutorResult> {
    const { executor: name, input, epoch } = session.assignment;
    const executor = this.executors.find(name);
    if (!executor)
      return failed('no_executor', `this runner has no executor "${name}"; it has ${this.executors.names.join(', ')}`);
    const checked = executor.input.safeParse(input);
    if (!checked.success)
      return failed('invalid_input', invalidRequest(`the input for ${name}`, checked.error).message);
    const { resumed } = records;
    session.say(
      `session ${session.id} (epoch ${epoch}) starts` +
        (resumed ? `; it goes on from checkpoint ${resumed.number} of epoch ${resumed.epoch}` : ''),
    );
    const environment = await this.keys.issue(session);
    if (session.kill.aborted) return { kind: 'continue', reason: 'stopped before it began' };
    const running = executor.run({
      ...session.writer,
      ...folders,
      environment,
      input: checked.data,
      resumeFrom: resumed?.bytes,
      handoff: records.handoff,
      graceMs: session.graceMs,
      aliveWithinMs: () => session.lease.unattendedMs,
      wrap: session.wrap,
      kill: session.kill,
      log: (stream, line) => records.log.line(stream, line),
      checkpoint: (state) => records.saveCheckpoint(state),
      writeHandoff: (markdown) => records.saveHandoff(markdown),
      resources: () => ({ level: session.level, limits: session.assignment.limits, used: session.usage }),
      onSignal: (listener) => session.signals.deliverTo(listener),
      progress: (progress) => session.report(progress),
    });
    return unlessStuck(session, running).catch((error: unknown) => {
      this.log.error({ error, sessionId: session.id, executor: name }, 'an executor failed with a defect');
      return failed('executor', `the executor "${name}" failed: ${(error as Error).message}`);
    });
  }

  private async close(
    session: Session,
    records: SessionRecords,
    folders: SessionFolders,
    result: ExecutorResult,
  ): Promise<void> {
    const outcome = decideOutcome(result, session.cause);
    if (session.lost === undefined && outcome.kind !== 'completed')
      await this.handOff(session, records, folders, { outcome, result });
    session.say(`session ${session.id} ends: ${outcome.kind}${reasonOf(outcome)}`);
    await records.log.close(Math.max(0, Math.min(LOG_CLOSE_MS, session.lease.remainingMs)));
    await this.finisher.finish(session, outcome);
  }

  /** Leaves the workspace and a document for the next session. Trouble with either does not hold up the finish. */
  private async handOff(
    session: Session,
    records: SessionRecords,
    folders: SessionFolders,
    { outcome, result }: { outcome: FinishOutcome; result: ExecutorResult },
  ): Promise<void> {
    const reason = `${outcome.kind}${reasonOf(outcome)}`;
    try {
      const workspace = outcome.kind === 'failed' ? undefined : await this.workspaces.commit(session, folders, reason);
      if (workspace !== undefined) session.say(workspace);
      if (records.wroteHandoff) return;
      await records.saveHandoff(
        describeSession({
          ...session.writer,
          at: new Date(),
          reason,
          detail: result.kind === 'continue' ? result.reason : undefined,
          usage: session.usage,
          progress: session.progress,
          checkpoint: records.last,
          workspace,
          tail: records.log.tail,
        }),
      );
    } catch (error) {
      this.log.warn({ error, ...session.writer }, 'no handoff document could be written');
    }
  }
}

function reasonOf(outcome: FinishOutcome): string {
  if (outcome.kind === 'completed') return '';
  return outcome.kind === 'failed' ? ` (${outcome.error.code}: ${outcome.error.message})` : `: ${outcome.reason}`;
}

/** The executor's result, or a made-up one long after it was told to stop everything. */
async function unlessStuck(session: Session, running: Promise<ExecutorResult>): Promise<ExecutorResult> {
  let timer: NodeJS.Timeout | undefined;
  let arm: (() => void) | undefined;
  const stuck = new Promise<never>((_, reject) => {
    arm = () =>
      (timer = setTimeout(() => reject(new Error(`it did not stop within ${STUCK_MS} ms of being killed`)), STUCK_MS));
    session.kill.addEventListener('abort', arm, { once: true });
    if (session.kill.aborted) arm();
  });
  try {
    return await Promise.race([running, stuck]);
  } finally {
    clearTimeout(timer);
    if (arm) session.kill.removeEventListener('abort', arm);
  }
}
