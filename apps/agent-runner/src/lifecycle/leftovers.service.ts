import { readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { endTrees, environmentOf, type ProcessEntry, runningPrograms } from '@purser/guard';
import { CONFIG, Log } from '@purser/service';
import type { Config } from '../config.js';
import { Owner, stateOf } from '../workspaces/process-identity.js';
import { Workspaces } from '../workspaces/workspaces.service.js';

/** Those of sessions that are over have had their time. */
const LONGEST_GRACE_MS = 2_000;

interface Leftover {
  entry: ProcessEntry;
  sessionId: string;
}

/**
 * Programs of sessions that nobody holds any more: their guard was killed, and with it or before it their runner. They are
 * known by the marker in their environment, and as this installation's by the folder that they were given. On Linux
 * alone, where environments can be read.
 */
@Injectable()
export class Leftovers {
  constructor(
    private readonly workspaces: Workspaces,
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Ends them. Never rejects. @returns what was ended, or could not be, in words */
  async end(): Promise<string[]> {
    try {
      const found = await this.find();
      const graceMs = Math.min(this.config.PURSER_GRACE_MS, LONGEST_GRACE_MS);
      const ends = await endTrees(
        found.map(({ entry }) => entry),
        { graceMs, spare: new Set([process.pid]) },
      );
      return [...new Set(found.map(({ sessionId }) => sessionId))].map((sessionId) => {
        const alive = found.filter((one, index) => one.sessionId === sessionId && ends[index] === 'alive');
        const what = `what was left over of session ${sessionId}`;
        const pids = alive.map(({ entry }) => entry.pid).join(', ');
        return alive.length === 0 ? what : `NOT stopped yet: ${what} (process ${pids})`;
      });
    } catch (error) {
      this.log.error({ error }, 'emergency: processes left over from sessions could not be looked for');
      return [`failed to look for processes left over from sessions: ${(error as Error).message}`];
    }
  }

  private async find(): Promise<Leftover[]> {
    const { sessionsFolder } = this.workspaces;
    if (sessionsFolder === undefined) return [];
    const states = new Map<string, Promise<boolean>>();
    const found: Leftover[] = [];
    for (const entry of runningPrograms()) {
      const environment = environmentOf(entry.pid);
      const sessionId = environment?.get('PURSER_SESSION_ID');
      const run = runOf(sessionsFolder, environment?.get('PURSER_STATE_DIR'));
      if (sessionId === undefined || run === undefined) continue;
      if (!states.has(run)) states.set(run, this.isHeld(join(sessionsFolder, run)));
      if (!(await states.get(run)!)) found.push({ entry, sessionId });
    }
    return found;
  }

  /** By another runner that lives: then they are its affair. What is of this one and still there is held by nobody. */
  private async isHeld(folder: string): Promise<boolean> {
    if (folder === this.workspaces.ownFolder) return false;
    try {
      const owner = Owner.parse(JSON.parse(await readFile(join(folder, 'owner.json'), 'utf8')));
      return (await stateOf(owner)) === 'alive';
    } catch {
      return false;
    }
  }
}

/** The first folder below: one for each run of a runner. */
function runOf(sessionsFolder: string, stateDir: string | undefined): string | undefined {
  if (stateDir === undefined) return undefined;
  const [first] = relative(sessionsFolder, stateDir).split(sep);
  return first === undefined || first === '' || first === '..' ? undefined : first;
}
