import type { ExecutorSession } from '@purser/plugin-sdk';
import type { ProgramUser } from './run-as.js';
import type { SessionFiles } from './session-files.js';

/** All that a program inherits of the runner's environment, beside what the configuration's `inherit` names. */
export const INHERITED = [
  'PATH',
  'LANG',
  'LANGUAGE',
  'LC_ALL',
  'LC_CTYPE',
  'LC_MESSAGES',
  'TZ',
  'TERM',
  'COLORTERM',
  'SHELL',
  'USER',
  'LOGNAME',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'NODE_EXTRA_CA_CERTS',
] as const;

export interface EnvironmentSources {
  own: NodeJS.ProcessEnv;
  inherit: readonly string[];
  user: ProgramUser | undefined;
  task: Record<string, string>;
}

function inherited({ own, inherit, user }: EnvironmentSources): Record<string, string> {
  const found: Record<string, string> = { PATH: '/usr/local/bin:/usr/bin:/bin' };
  for (const name of [...INHERITED, ...inherit]) {
    const value = own[name];
    if (value !== undefined) found[name] = value;
  }
  if (!user) return found;
  const { USER: _user, LOGNAME: _logname, ...rest } = found;
  return user.name === undefined ? rest : { ...rest, USER: user.name, LOGNAME: user.name };
}

/** Later ones win: what is inherited, the task's own variables, the session's (gateway and key), the contract's. */
export function programEnvironment(
  session: ExecutorSession,
  files: SessionFiles,
  sources: EnvironmentSources,
): Record<string, string> {
  return {
    ...inherited(sources),
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
