import { Injectable } from '@nestjs/common';
import { type FinishOutcome, invalidRequest, isPurserError, PLACED_ON_VM } from '@purser/contracts';
import type { ExecutorResult } from '@purser/plugin-sdk';
import { Log } from '@purser/service';
import { Executors } from '../executors/executors.js';
import { graded } from '../grading/graded.js';
import { WorkTreeProblem } from '../workspaces/work-trees.service.js';
import { type SessionFolders, Workspaces } from '../workspaces/workspaces.service.js';
import { SessionAccess } from './session-access.service.js';
import { SessionClosing } from './session-closing.service.js';
import type { Session } from './session.js';
import type { SessionRecords } from './session-records.js';
import { SessionRecordsService } from './session-records.service.js';
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
    private readonly access: SessionAccess,
    private readonly workspaces: Workspaces,
    private readonly closing: SessionClosing,
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
        await this.closing.finish(session, { kind: 'released', reason: inWords(session.cause) });
        return;
      }
      records = await this.open(session);
      if (!records || !(await this.isReady(session))) return;
      const prepared = await this.prepare(session, records);
      if (!('workspace' in prepared)) return;
      folders = prepared;
      const result = await this.work(session, records, folders);
      if (result.kind !== 'completed') await this.access.heardOf(session);
      session.workDone();
      await this.closing.close(session, records, folders, result);
    } catch (error) {
      this.log.error({ error, taskId, epoch, sessionId: session.id }, 'a session could not be run');
      const message = `the runner could not run the session: ${(error as Error).message}`;
      await this.closing.finish(session, { kind: 'failed', error: { code: 'runner', message } });
    } finally {
      session.workDone();
      await records?.log.close(LOG_CLOSE_MS);
      await this.access.end(session);
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
      await this.closing.finish(session, {
        kind: 'released',
        reason: session.cause ? inWords(session.cause) : `not started: ${error.message}`,
      });
      return undefined;
    }
  }

  /** Whether its executor is; else the session is given back. */
  private async isReady(session: Session): Promise<boolean> {
    const executor = this.executors.find(session.assignment.executor);
    try {
      await executor?.ready?.(AbortSignal.any([session.kill, session.wrap]), (line) => session.say(line));
      return true;
    } catch (error) {
      const reason = session.cause ? inWords(session.cause) : (error as Error).message;
      session.say(reason);
      session.workDone();
      await this.closing.finish(session, { kind: 'released', reason });
      return false;
    }
  }

  /** The kind of its end, when there is nothing that it could work in. */
  private async prepare(session: Session, records: SessionRecords): Promise<SessionFolders | FinishOutcome> {
    try {
      return await this.workspaces.prepare(session, records);
    } catch (error) {
      if (!(error instanceof WorkTreeProblem)) throw error;
      const { message } = error;
      session.say(message);
      const outcome: FinishOutcome = session.cause
        ? { kind: 'released', reason: inWords(session.cause) }
        : { kind: 'failed', error: { code: 'workspace', message } };
      session.workDone();
      await this.closing.finish(session, outcome);
      return outcome;
    }
  }

  private async work(session: Session, records: SessionRecords, folders: SessionFolders): Promise<ExecutorResult> {
    const { executor: name, input, epoch } = session.assignment;
    const executor = this.executors.of(session.assignment);
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
    if (this.executors.runsHereAllTheSame(session.assignment))
      session.say(`the label ${PLACED_ON_VM} is for command and container tasks: this session of ${name} runs here`);
    const environment = await this.access.grant(session, records, folders.sessionDir);
    const resumeFile = await records.layState(folders.sessionDir);
    if (session.kill.aborted) return { kind: 'continue', reason: 'stopped before it began' };
    const running = graded(session, executor, this.executors.find('command')).run({
      ...session.writer,
      ...folders,
      environment,
      input: checked.data,
      resumeFrom: resumed?.bytes ?? undefined,
      ...(resumeFile !== undefined && { resumeFile }),
      handoff: records.handoff,
      graceMs: session.grace.standardMs,
      graceLeftMs: () => session.grace.leftMs,
      aliveWithinMs: () => session.lease.unattendedMs,
      wrap: session.wrap,
      kill: session.kill,
      log: (stream, line) => records.log.line(stream, line),
      checkpoint: (state) => records.saveCheckpoint(state),
      streamCheckpoint: (state) => records.streamCheckpoint(state),
      artifact: (name, content) => records.saveArtifact(name, content),
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
