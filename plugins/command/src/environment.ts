import { inheritedVariables, type ProgramUser } from '@purser/guard';
import type { ExecutorSession } from '@purser/plugin-sdk';
import { contractVariables, type SessionFiles } from '@purser/program-session';

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
    ...contractVariables(session, files),
  };
}
