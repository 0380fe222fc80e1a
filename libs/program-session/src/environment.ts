import type { ExecutorSession } from '@purser/plugin-sdk';

/** Where a session's files are, as its program sees them. */
export interface ContractPaths {
  stateDir: string;
  input: string;
  handoff: string;
}

/** What stands over all that a task or a machine sets: the gateway and the key, and the contract's own variables. */
export function contractVariables(session: ExecutorSession, paths: ContractPaths): Record<string, string> {
  return {
    ...session.environment,
    PURSER_TASK_ID: session.taskId,
    PURSER_SESSION_ID: session.sessionId,
    PURSER_EPOCH: String(session.epoch),
    PURSER_RESUME: session.resumeFrom === undefined && session.resumeFile === undefined ? '0' : '1',
    PURSER_STATE_DIR: paths.stateDir,
    PURSER_INPUT: paths.input,
    PURSER_HANDOFF: paths.handoff,
  };
}
