import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { tasksGet } from '@purser/contracts';
import { Clock, CONFIG, Log } from '@purser/service';
import type { Config } from '../config.js';
import type { SessionRecords } from '../sessions/session-records.js';
import type { Session } from '../sessions/session.js';
import { type Folders, placeFolders } from './folders.js';
import { taskOf } from './found-tree.js';
import { type CommitResult, commitWorkspace } from './git-commit.js';
import { Owner, ownIdentity, stateOf } from './process-identity.js';
import { removeTree } from './remove-tree.js';
import { restoreWorkspace } from './replaced-workspace.js';
import { type WorkTree, WorkTrees } from './work-trees.service.js';

export interface SessionFolders {
  workspace: string;
  sessionDir: string;
  /** When the task names a repository. */
  tree?: WorkTree | undefined;
}

const OWNER_FILE = 'owner.json';
const HOUR_MS = 3_600_000;
/** The folder of a runner elsewhere, when nothing was heard of it for this long. */
const FOREIGN_AGE_MS = 24 * HOUR_MS;
/** A large work tree has many files to be read. */
const COMMIT_MS = 5 * 60_000;
const HURRIED_COMMIT_MS = 5_000;
/** Questions per sweep; the next one goes on where this one ended. */
const SWEEP_LIMIT = 200;

/** The folders that sessions work in: made before, removed when they have served their time. */
@Injectable()
export class Workspaces {
  private folders: Folders | undefined;
  /** The folder of this run of this runner; what is in it dies with it. */
  private own = '';
  private sweeping: Promise<void> | undefined;
  /** The last folder that the sweep before asked about, when it did not get to the end of them. */
  private sweptTo: string | undefined;
  private closed = false;

  constructor(
    private readonly bus: Bus,
    private readonly clock: Clock,
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: Config,
    private readonly trees: WorkTrees,
  ) {}

  /** The folders of all runs of all runners with this data folder; undefined until it is open. */
  get sessionsFolder(): string | undefined {
    return this.folders?.sessions;
  }

  get ownFolder(): string {
    return this.own;
  }

  /** Chooses the place, and removes what runners left that were killed. */
  async open(): Promise<void> {
    this.folders = await placeFolders(this.config.PURSER_HOME);
    const { movedFrom, sessions, workspaces } = this.folders;
    if (movedFrom !== undefined)
      this.log.info(
        { workspaces, home: movedFrom },
        'workspaces are outside of the data folder, which programs may not enter',
      );
    await this.removeLeftovers();
    await this.trees.load();
    this.own = join(sessions, randomUUID());
    await mkdir(this.own, { mode: 0o711 });
    await writeFile(join(this.own, OWNER_FILE), JSON.stringify(await ownIdentity()), { mode: 0o600 });
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.own !== '') await this.remove(this.own);
  }

  /** Rejects with a `WorkTreeProblem` when the task's repository cannot be brought. */
  async prepare(session: Session, records: SessionRecords): Promise<SessionFolders> {
    if (!this.folders) throw new Error('the workspaces are not open');
    const { assignment } = session;
    const workspace = join(this.folders.workspaces, assignment.taskId);
    const sessionDir = join(this.own, assignment.sessionId);
    await restoreWorkspace(workspace);
    if (assignment.workspace === null) await this.inherit(workspace, assignment.continues);
    await mkdir(workspace, { recursive: true, mode: 0o700 });
    const tree = await this.trees.open(session, records, workspace);
    await removeTree(sessionDir);
    await mkdir(sessionDir, { mode: 0o700 });
    return { workspace, sessionDir, tree };
  }

  /** Of a task that was retried nobody needs the folder any more; what is not on this machine cannot be had. */
  private async inherit(workspace: string, tasks: readonly string[]): Promise<void> {
    if (!this.folders || (await stat(workspace).catch(() => undefined))) return;
    for (const taskId of tasks) {
      try {
        await rename(join(this.folders.workspaces, taskId), workspace);
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
  }

  /** Keeps what a session did so far; in words what came of it, if there was anything to keep. */
  async commit(
    session: Session,
    folders: SessionFolders,
    reason: string,
  ): Promise<{ said: string | undefined; failed: boolean }> {
    const { taskId, epoch } = session.assignment;
    const message = `Work of session ${session.id}\n\nTask ${taskId}, epoch ${epoch}; the session ended: ${reason}`;
    const { lease } = session;
    const result = await commitWorkspace({
      workspace: folders.workspace,
      message,
      timeoutMs: session.hasTime ? COMMIT_MS : Math.min(HURRIED_COMMIT_MS, lease.unattendedMs),
      sessionId: session.id,
      aliveWithinMs: () => lease.unattendedMs,
      signal: session.hurry,
    });
    if (result.kind !== 'failed') return { said: sayingOf(result), failed: false };
    this.log.warn({ taskId, epoch, detail: result.detail }, 'a workspace could not be committed');
    return { said: `The changes in the workspace could not be committed: ${result.detail}`, failed: true };
  }

  /** Tasks whose work trees are here: they are done faster here than elsewhere. */
  get holds(): readonly string[] {
    return this.trees.holds;
  }

  clear({ sessionDir }: SessionFolders): Promise<void> {
    return this.remove(sessionDir);
  }

  /** Removes the workspaces of tasks that finished long enough ago, and says that this runner is alive. Never rejects. */
  sweep(isRunning: (taskId: string) => boolean): Promise<void> {
    this.sweeping ??= this.sweepOnce(isRunning)
      .catch((error: unknown) =>
        this.log.warn({ error }, 'the workspaces of finished tasks could not be looked through; it is tried again'),
      )
      .finally(() => (this.sweeping = undefined));
    return this.sweeping;
  }

  private async sweepOnce(isRunning: (taskId: string) => boolean): Promise<void> {
    if (!this.folders) return;
    const now = this.clock.now();
    await utimes(join(this.own, OWNER_FILE), now, now).catch(() => undefined);
    const { workspaces } = this.folders;
    const names = (await readdir(workspaces)).sort();
    // Those that cannot be removed, however many they are, do not keep the others from their turn.
    const next = this.sweptTo === undefined ? 0 : names.findIndex((name) => name > this.sweptTo!);
    const turn = next > 0 ? [...names.slice(next), ...names.slice(0, next)] : names;
    let asked = 0;
    for (const name of turn) {
      if (this.closed) return;
      const [taskId, folder] = [taskOf(name), join(workspaces, name)];
      if (isRunning(taskId) || (await ageMs(folder, now)) < this.keepMs) continue;
      if (await this.isFinished(taskId, now)) {
        // The folder last: while it is there, what was cut short is done again.
        await this.trees.forget(taskId);
        await this.remove(folder);
        this.log.info({ taskId }, 'the workspace of a finished task was removed');
      }
      this.sweptTo = name;
      if ((asked += 1) === SWEEP_LIMIT) return;
    }
    this.sweptTo = undefined;
  }

  private get keepMs(): number {
    return this.config.PURSER_WORKSPACE_KEEP_HOURS * HOUR_MS;
  }

  /** A task that nobody knows is left alone: the workspace may be all that there is of it. */
  private async isFinished(taskId: string, now: Date): Promise<boolean> {
    try {
      const { finishedAt } = await this.bus.call(tasksGet, { id: taskId });
      return finishedAt !== null && now.getTime() - Date.parse(finishedAt) >= this.keepMs;
    } catch (error) {
      this.log.debug({ error, taskId }, 'it cannot be told whether the task of a workspace is finished');
      return false;
    }
  }

  private async removeLeftovers(): Promise<void> {
    const { sessions } = this.folders!;
    for (const name of await readdir(sessions)) {
      const folder = join(sessions, name);
      if (!(await this.isLeftover(folder))) continue;
      await this.remove(folder);
      this.log.info({ folder }, 'folders of sessions of a runner that was killed were removed');
    }
  }

  private async isLeftover(folder: string): Promise<boolean> {
    const file = join(folder, OWNER_FILE);
    const text = await readFile(file, 'utf8').catch(() => '');
    const owner = Owner.safeParse(text === '' ? undefined : parsed(text));
    const age = await ageMs(owner.success ? file : folder, this.clock.now());
    // One without an owner may be in the making.
    if (!owner.success) return age > HOUR_MS;
    const state = await stateOf(owner.data);
    return state === 'dead' || (state === 'elsewhere' && age > FOREIGN_AGE_MS);
  }

  private async remove(folder: string): Promise<void> {
    await removeTree(folder).catch((error: unknown) =>
      this.log.warn({ error, folder }, 'a folder could not be removed'),
    );
  }
}

function sayingOf(result: Exclude<CommitResult, { kind: 'failed' }>): string | undefined {
  const { moved = [] } = result;
  const said = [
    result.kind === 'committed' && `The changes in the workspace were committed as ${result.commit}.`,
    moved.length > 0 && `Where these submodules are by now was not: ${moved.join(', ')}; commit that yourself.`,
  ].filter((part) => part !== false);
  return said.length > 0 ? said.join(' ') : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Since the last change; one that is gone is new. */
async function ageMs(path: string, now: Date): Promise<number> {
  const found = await stat(path).catch(() => undefined);
  return found ? now.getTime() - found.mtimeMs : 0;
}
