import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutorSession, SessionLog } from '@purser/plugin-sdk';
import { LARGE_LIMIT, type SessionFiles } from './session-files.js';

/** Of one session; a program that leaves more has mistaken the folder for its workspace. */
const MOST = 100;

/** Keeps what the program left in `$PURSER_STATE_DIR/artifacts`: plain files, no folders. One that cannot be kept is named. */
export async function keepArtifacts(session: ExecutorSession, files: SessionFiles, log: SessionLog): Promise<void> {
  if (!session.artifact) return;
  const folder = files.inState('artifacts');
  const names = (await readdir(folder).catch(() => [])).sort();
  if (names.length > MOST) log.say(`artifacts: ${names.length} files, of which the first ${MOST} are kept`);
  for (const name of names.slice(0, MOST)) {
    if (session.kill.aborted) return;
    const path = join(folder, name);
    if (!(await files.stat(path))) continue;
    try {
      await session.artifact(name, files.stream(path, LARGE_LIMIT));
    } catch (error) {
      log.say(`the artifact ${name} was not kept: ${(error as Error).message}`);
    }
  }
}
