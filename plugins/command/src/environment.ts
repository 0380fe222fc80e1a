import { inheritedVariables, type ProgramUser } from '@purser/guard';
import type { ExecutorSession } from '@purser/plugin-sdk';
import type { SessionFiles } from './session-files.js';

export interface EnvironmentSources {
  own: NodeJS.ProcessEnv;
  inherit: readonly string[];
  user: ProgramUser | undefined;
  task: Record<string, string>;
}

/** Later ones win: what is inherited, the task's own variables, the session's (gateway and key), the contract's. */
export function programEnvironment(
  session: ExecutorSession,
  files: SessionFiles,
  sources: EnvironmentSources,
): Record<string, string> {
  return {
    ...inheritedVariables(sources),
    HOME: session.workspace,
    TMPDIR: files.temporaryDir,
    ...sources.task,
    ...session.environment,
    PURSER_TASK_ID: session.taskId,
    PURSER_SESSION_ID: session.sessionId,
    PURSER_EPOCH: String(session.epoch),
    PURSER_RESUME: session.resumeFrom === undefined && session.resumeFile === undefined ? '0' : '1',
    PURSER_STATE_DIR: files.stateDir,
    PURSER_INPUT: files.input,
    PURSER_HANDOFF: files.handoff,
  };
}
