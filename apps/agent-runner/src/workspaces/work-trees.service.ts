import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { CONFIG, Log } from '@purser/service';
import type { Config } from '../config.js';
import type { SessionRecords } from '../sessions/session-records.js';
import type { Session } from '../sessions/session.js';
import { FoundTree } from './found-tree.js';
import { HeldTrees } from './held-trees.js';
import { type GitTurn, Mirrors, type Remote, type Tips } from './mirrors.service.js';
import { removeTree } from './remove-tree.js';
import { refuseAddress } from './repository-address.js';
import { chooseStart } from './start-commit.js';
import { bundleOf, headOf, removeBundle } from './work-tree-files.js';
import { type KnownTree, WorkTreesRepository } from './work-trees.repository.js';

const FETCH_MS = 5 * 60_000;
const PUSH_MS = 60_000;
const PUSH_TRIES = 4;
const FIRST_WAIT_MS = 500;
const FETCHED_AGAIN_AFTER_MS = [1_000, 4_000];

/** One session's git work tree. */
export interface WorkTree extends Remote {
  /** The name of the branch that the work began from. */
  baseBranch: string;
  baseTip: string;
  /** Where the task's branch was at the remote when the session began; null for nowhere. */
  lease: string | null;
}

/** What a session begins with. */
interface Beginning {
  tips: Tips;
  start: string;
  note?: string;
  /** In the tree as it is; otherwise a new one is made. */
  goesOn: boolean;
  /** The tree of the session before, if it was here. */
  found: FoundTree | undefined;
}

/** The session cannot have, or cannot leave, its work where it should be. */
export class WorkTreeProblem extends Error {}

export const branchOf = (taskId: string): string => `purser/${taskId}`;

/** Work trees of tasks that name a repository: brought before a session, pushed after it, so that any runner can go on. */
@Injectable()
export class WorkTrees {
  private readonly here = new Set<string>();

  constructor(
    private readonly mirrors: Mirrors,
    private readonly repository: WorkTreesRepository,
    private readonly bus: Bus,
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Tasks whose work trees are here as their last sessions left them, as far as is known here. */
  get holds(): readonly string[] {
    return [...this.here];
  }

  /** What was here before this start. */
  async load(): Promise<void> {
    for (const taskId of await this.held.list()) this.here.add(taskId);
  }

  private async hold(taskId: string, epoch: number): Promise<void> {
    await this.held.hold(taskId, epoch);
    this.here.add(taskId);
  }

  private async drop(taskId: string): Promise<void> {
    this.here.delete(taskId);
    await this.held.drop(taskId);
  }

  /** Forgets what there is of a task that is over. Never rejects: what stays costs space alone. */
  async forget(taskId: string): Promise<void> {
    await this.drop(taskId);
    await this.mirrors.forget(taskId).catch((error: unknown) => {
      this.log.warn({ error, taskId }, 'what the mirrors have of a finished task could not be removed');
    });
  }

  /** Of this machine, as sessions left them. */
  private get held(): HeldTrees {
    return new HeldTrees(join(this.mirrors.folder, 'held'));
  }

  /** A network that is away for a moment is no reason to fail a task. */
  private async fetch(turn: GitTurn & { signal: AbortSignal }, remote: Remote, commit: string | null): Promise<Tips> {
    for (const waitMs of FETCHED_AGAIN_AFTER_MS) {
      try {
        return await this.mirrors.fetch(turn, remote, commit);
      } catch (error) {
        turn.signal.throwIfAborted();
        this.log.warn({ error, taskId: turn.taskId }, 'a repository could not be fetched; it is tried again');
        await delay(waitMs, undefined, { signal: turn.signal });
      }
    }
    return this.mirrors.fetch(turn, remote, commit).catch((error: Error) => {
      throw new Error(`the repository could not be fetched: ${error.message}`, { cause: error });
    });
  }

  /** Makes the folder the work tree that the task's state belongs to. Rejects with a `WorkTreeProblem` when it cannot. */
  async open(session: Session, records: SessionRecords, folder: string): Promise<WorkTree | undefined> {
    const { taskId, epoch, workspace } = session.assignment;
    if (!workspace) return undefined;
    const remote: Remote = { repository: workspace.repository, base: workspace.base, branch: branchOf(taskId) };
    const refused = refuseAddress(remote.repository, this.config.PURSER_WORKSPACE_REPOSITORIES);
    if (refused !== undefined) throw new WorkTreeProblem(`the repository was not taken: ${refused}`);
    const turn = { ...turnOf(session, FETCH_MS), signal: session.wrap };
    const heldEpoch = await this.held.epochOf(taskId);
    // Until it is ready, what is in it is nothing to go on with.
    await this.drop(taskId);
    let before: KnownTree | undefined;
    await records.write(async () => {
      before = await this.repository.take(session.writer, this.bus.origin.instance);
    });
    const mayKeep = before !== undefined && heldEpoch === before.epoch;
    let begin: Beginning;
    try {
      begin = await this.begin(turn, folder, remote, before, mayKeep);
    } catch (error) {
      // What is here is as good as before: the next session may find the repository again, or have the time to look.
      if (mayKeep) await this.hold(taskId, epoch);
      throw new WorkTreeProblem((error as Error).message);
    }
    const { tips, start, note, goesOn, found } = begin;
    if (note !== undefined) session.say(note);
    if (found?.unusable !== undefined) {
      const name = await found.setAside(epoch);
      session.say(`the workspace is made anew, and was left as ${name}: ${found.unusable}`);
    }
    if (!goesOn) {
      await removeTree(folder);
      await mkdir(folder, { mode: 0o700 });
      await this.mirrors.clone(turn, folder, remote, start, tips.base).catch((error: Error) => {
        throw new WorkTreeProblem(`the work tree could not be made: ${error.message}`);
      });
      session.say(`the workspace is ${remote.branch} at ${start.slice(0, 12)}`);
    }
    await this.hold(taskId, epoch);
    records.commit = start;
    return { ...remote, baseBranch: tips.base, baseTip: tips.baseTip, lease: tips.tip };
  }

  /** Finds out what a session begins with. Changes nothing in the folder. */
  private async begin(
    turn: GitTurn & { signal: AbortSignal },
    folder: string,
    remote: Remote,
    before: KnownTree | undefined,
    mayKeep: boolean,
  ): Promise<Beginning> {
    const commit = before?.commit ?? null;
    let tips = await this.fetch(turn, remote, commit);
    const found = mayKeep ? await FoundTree.lookAt(folder, turn.signal) : undefined;
    // The session before could not bring its work to the mirror, and the tree is as it left it.
    if (commit !== null && !tips.known && (await found?.contains(commit))) {
      await this.gather(turn, folder, remote.repository, tips.baseTip);
      tips = await this.fetch(turn, remote, commit);
    }
    const chosen = chooseStart({
      ...tips,
      branch: remote.branch,
      base: tips.baseTip,
      commit,
      pushed: before?.pushed ?? false,
      lastRunner: before?.runner ?? null,
    });
    if ('problem' in chosen)
      throw new Error([chosen.problem, found?.unusable].filter((part) => part !== undefined).join('; its work tree: '));
    return { ...chosen, tips, found, goesOn: (await found?.contains(chosen.start)) ?? false };
  }

  /**
   * Pushes what the session committed, in words what came of it. A branch that another has moved meanwhile means that the
   * session is lost; a remote that cannot be reached, a `WorkTreeProblem`.
   */
  async keep(
    session: Session,
    records: SessionRecords,
    folder: string,
    tree: WorkTree,
  ): Promise<{ commit: string; said: string | undefined }> {
    const commit = await headOf(folder).catch(toProblem);
    if (commit === undefined) throw new WorkTreeProblem('the workspace is no git repository any more');
    // A branch that would show nothing new is not made.
    if (tree.lease === commit || (tree.lease === null && commit === tree.baseTip)) {
      await records.write(() => this.repository.keep(session.writer, commit, true));
      return { commit, said: undefined };
    }
    const turn = turnOf(session, session.hasTime ? PUSH_MS : session.grace.standardMs);
    let bundle: string | undefined;
    try {
      if (commit !== records.commit)
        bundle = await bundleOf(turn, folder, records.commit ?? tree.baseTip).catch(toProblem);
      await this.push(session, records, tree, { commit, lease: tree.lease, bundle }, turn.timeoutMs);
    } catch (error) {
      // Whoever goes on elsewhere has to know that there is more than the branch shows.
      if (session.lost === undefined)
        await records.write(() => this.repository.keep(session.writer, commit, false)).catch(() => undefined);
      throw error;
    } finally {
      if (bundle !== undefined) await removeBundle(folder);
    }
    await records.write(() => this.repository.keep(session.writer, commit, true));
    tree.lease = commit;
    records.commit = commit;
    return { commit, said: `The branch ${tree.branch} was pushed at ${commit.slice(0, 12)}.` };
  }

  private async gather(turn: GitTurn, folder: string, repository: string, beyond: string): Promise<void> {
    const bundle = await bundleOf(turn, folder, beyond);
    try {
      await this.mirrors.absorb(turn, repository, bundle);
    } finally {
      await removeBundle(folder);
    }
  }

  private async push(
    session: Session,
    records: SessionRecords,
    tree: WorkTree,
    what: Parameters<Mirrors['push']>[2],
    withinMs: number,
  ): Promise<void> {
    const until = performance.now() + withinMs;
    for (let tries = 1, waitMs = FIRST_WAIT_MS; ; tries += 1, waitMs *= 4) {
      await records.write(() => this.repository.assertHeld(session.writer));
      const end = await this.mirrors.push(turnOf(session, until - performance.now()), tree, what);
      if (end.kind === 'pushed') return;
      if (end.kind === 'refused') {
        session.lose(`its push was refused: ${tree.branch} is not where it was when the session began`);
        throw new WorkTreeProblem(`the branch ${tree.branch} was moved by another`);
      }
      const { taskId, epoch } = session.assignment;
      this.log.warn({ taskId, epoch, detail: end.detail }, 'a branch could not be pushed');
      if (tries === PUSH_TRIES || session.hurry.aborted || performance.now() + waitMs >= until)
        throw new WorkTreeProblem(`the branch ${tree.branch} could not be pushed: ${end.detail}`);
      // Given up meanwhile, the next push says so.
      await delay(waitMs * (0.75 + Math.random() / 2), undefined, { signal: session.hurry }).catch(() => undefined);
    }
  }
}

function turnOf(session: Session, mostMs: number): GitTurn {
  const { taskId, sessionId } = session.assignment;
  const { lease } = session;
  return { taskId, sessionId, timeoutMs: mostMs, aliveWithinMs: () => lease.unattendedMs, signal: session.hurry };
}

function toProblem(error: Error): never {
  throw new WorkTreeProblem(`the work could not be gathered: ${error.message}`);
}
