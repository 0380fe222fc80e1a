import type { ExecutorSession, SessionLog } from '@purser/plugin-sdk';
import type { ProgramFolder } from './program-folder.js';
import { LARGE_LIMIT } from './session-files.js';

/** Of one session; a program that leaves more has mistaken the folder for its workspace. */
const MOST = 100;

/** Keeps what the program left in `$PURSER_STATE_DIR/artifacts`: plain files, no folders. One that cannot be kept is named. */
export async function keepArtifacts(session: ExecutorSession, state: ProgramFolder, log: SessionLog): Promise<void> {
  if (!session.artifact) return;
  const folder = await state.enter('artifacts');
  if (!folder) {
    if (await state.lies('artifacts')) log.say('artifacts is no folder of the program: nothing in it was kept');
    return;
  }
  try {
    await keepFrom(folder, session, log);
  } finally {
    await folder.close();
  }
}

async function keepFrom(folder: ProgramFolder, session: ExecutorSession, log: SessionLog): Promise<void> {
  const names = (await folder.names()).sort();
  if (names.length > MOST) log.say(`artifacts: ${names.length} files, of which the first ${MOST} are kept`);
  for (const name of names.slice(0, MOST)) {
    if (session.kill.aborted) return;
    if (!(await folder.stat(name))) continue;
    try {
      await session.artifact!(name, folder.stream(name, LARGE_LIMIT));
    } catch (error) {
      log.say(`the artifact ${name} was not kept: ${(error as Error).message}`);
    }
  }
}
