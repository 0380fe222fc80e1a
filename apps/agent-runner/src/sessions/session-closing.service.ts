import { Injectable } from '@nestjs/common';
import type { FinishOutcome } from '@purser/contracts';
import { type ExecutorResult, reasonOf } from '@purser/plugin-sdk';
import { Log } from '@purser/service';
import { pullRequestBody, pullRequestTitle } from '../pull-requests/pull-request-text.js';
import { PullRequests } from '../pull-requests/pull-requests.service.js';
import { Metering } from '../resources/metering.service.js';
import { Finisher } from '../work/finisher.service.js';
import { WorkTreeProblem, WorkTrees } from '../workspaces/work-trees.service.js';
import { type SessionFolders, Workspaces } from '../workspaces/workspaces.service.js';
import { describeSession } from './handoff-document.js';
import { decideOutcome } from './outcome.js';
import type { SessionRecords } from './session-records.js';
import type { Session } from './session.js';

const LOG_CLOSE_MS = 5_000;

/** What became of a session's work in its workspace, in words; `problem` when it could not be brought to its repository. */
interface Kept {
  said?: string | undefined;
  problem?: string;
}

/** What is done once a session's executor has returned: keep the work, leave a document, tell the orchestrator. */
@Injectable()
export class SessionClosing {
  constructor(
    private readonly workspaces: Workspaces,
    private readonly trees: WorkTrees,
    private readonly pullRequests: PullRequests,
    private readonly finisher: Finisher,
    private readonly metering: Metering,
    private readonly log: Log,
  ) {}

  /** Without anything to keep. Never rejects. */
  finish(session: Session, outcome: FinishOutcome): Promise<void> {
    return this.finisher.finish(session, outcome);
  }

  async close(
    session: Session,
    records: SessionRecords,
    folders: SessionFolders,
    result: ExecutorResult,
  ): Promise<void> {
    // Whether it spent anything is a part of what its end means.
    if (session.noMoney !== undefined) await this.metering.tokens([session]);
    let outcome = decideOutcome(result, session);
    if (session.lost === undefined) {
      const kept = await this.keepWork(session, records, folders, outcome);
      if (kept.said !== undefined) session.say(kept.said);
      if (kept.problem !== undefined) session.say(kept.problem);
      // Its work is what the task was for: without it there is no result.
      if (outcome.kind === 'completed' && kept.problem !== undefined)
        outcome = session.hurry.aborted
          ? { kind: 'released', reason: `${reasonOf(session.hurry)}: ${kept.problem}` }
          : { kind: 'failed', error: { code: 'workspace', message: kept.problem } };
      else if (outcome.kind === 'completed') await this.propose(session, records, folders, outcome.result);
      if (session.lost === undefined && outcome.kind !== 'completed')
        await this.handOff(session, records, kept, { outcome, result });
    }
    session.say(`session ${session.id} ends: ${inWords(outcome)}`);
    await records.log.close(Math.max(0, Math.min(LOG_CLOSE_MS, session.lease.remainingMs)));
    await this.finisher.finish(session, outcome);
  }

  /** Commits, and pushes what is of a repository. A failed session's work stays as it is, for whoever looks into it. */
  private async keepWork(
    session: Session,
    records: SessionRecords,
    folders: SessionFolders,
    outcome: FinishOutcome,
  ): Promise<Kept> {
    const { workspace, tree } = folders;
    if (outcome.kind === 'failed' || (outcome.kind === 'completed' && !tree)) return {};
    try {
      const committed = await this.workspaces.commit(session, folders, inWords(outcome));
      if (!tree) return { said: committed.said };
      if (committed.failed) return { problem: committed.said ?? '' };
      const { commit, said } = await this.trees.keep(session, records, workspace, tree);
      const changed = commit !== tree.baseTip;
      if (changed) await records.linkArtifact('commit', 'commit', `${tree.repository}#${commit}`);
      return { said: [committed.said, said].filter((part) => part !== undefined).join(' ') || undefined };
    } catch (error) {
      if (error instanceof WorkTreeProblem) return { problem: error.message };
      this.log.warn({ error, ...session.writer }, 'the work of a session could not be kept');
      return { problem: `the work could not be kept: ${(error as Error).message}` };
    }
  }

  /** The task is completed with or without it: the branch is there, and the log says why nobody was asked to take it over. */
  private async propose(
    session: Session,
    records: SessionRecords,
    { tree }: SessionFolders,
    result: unknown,
  ): Promise<void> {
    const { taskId, workspace } = session.assignment;
    if (!tree || workspace?.pullRequest !== true) return;
    if (tree.lease === null || tree.lease === tree.baseTip) {
      session.say('no pull request: nothing was changed');
      return;
    }
    const facts = { taskId, result, handoff: records.wroteHandoff ? records.written : records.handoff };
    const { repository, branch, baseBranch: base } = tree;
    const proposal = { repository, branch, base, title: pullRequestTitle(facts), body: pullRequestBody(facts) };
    const end = await this.pullRequests.open(proposal);
    if (end.kind === 'none') {
      session.say(`no pull request: ${end.why}`);
      this.log.warn({ ...session.writer, why: end.why }, 'no pull request could be opened');
      return;
    }
    session.say(`pull request: ${end.url}`);
    await records.linkArtifact('pull_request', 'pull-request', end.url).catch((error: unknown) => {
      this.log.warn({ error, ...session.writer }, 'a pull request could not be noted');
    });
  }

  /** Leaves a document for the next session. Trouble with it does not hold up the finish. */
  private async handOff(
    session: Session,
    records: SessionRecords,
    kept: Kept,
    { outcome, result }: { outcome: FinishOutcome; result: ExecutorResult },
  ): Promise<void> {
    const reason = inWords(outcome);
    try {
      const by = records.wroteHandoff ? 'program' : 'purser';
      if (by === 'purser') {
        const { executor, input } = session.assignment;
        await records.saveHandoff(
          describeSession({
            ...session.writer,
            executor,
            input,
            at: new Date(),
            reason,
            detail: result.kind === 'continue' ? result.reason : undefined,
            usage: session.usage,
            progress: session.progress,
            checkpoint: records.last,
            workspace: kept.said ?? kept.problem,
            tail: records.log.tail,
          }),
        );
      }
      await records.announceHandoff(reason, by);
    } catch (error) {
      this.log.warn({ error, ...session.writer }, 'no handoff document could be written');
    }
  }
}

function inWords(outcome: FinishOutcome): string {
  if (outcome.kind === 'completed') return outcome.kind;
  const why = outcome.kind === 'failed' ? ` (${outcome.error.code}: ${outcome.error.message})` : `: ${outcome.reason}`;
  return `${outcome.kind}${why}`;
}
