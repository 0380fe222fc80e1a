import { posix, relative } from 'node:path';
import { LABELS } from '@purser/docker-gate';
import type { RunAs } from '@purser/guard';
import type { ExecutorSession } from '@purser/plugin-sdk';
import { contractVariables, type SessionFiles } from '@purser/program-session';
import type Docker from 'dockerode';
import type { ContainerInput } from './input.js';

const MIB = 1024 * 1024;
/** Where a container finds what is the session's, whatever its image has. */
export const WORKSPACE = '/purser/workspace';
const SESSION = '/purser/session';

export interface Limits {
  memoryMb: number;
  cpus: number;
  pids: number;
}

export interface Ingredients {
  session: ExecutorSession;
  input: ContainerInput;
  files: SessionFiles;
  /** The session's environment as it holds within the container. */
  environment: Readonly<Record<string, string>>;
  limits: Limits;
  network: string;
  user: RunAs;
}

/** What the gate is asked for; it adds what is not the caller's to choose. */
export function containerBody(of: Ingredients): Docker.ContainerCreateOptions {
  const { session, input, files, limits, user } = of;
  const inside = (path: string): string => posix.join(SESSION, relative(session.sessionDir, path));
  const variables = {
    HOME: WORKSPACE,
    TMPDIR: inside(files.temporaryDir),
    ...input.env,
    ...contractVariables(
      { ...session, environment: of.environment },
      { stateDir: inside(files.stateDir), input: inside(files.input), handoff: inside(files.handoff) },
    ),
    // The first process of a container, which passes signals on: to the program's whole group, not to one process of it.
    TINI_KILL_PROCESS_GROUP: '1',
  };
  return {
    Image: input.image,
    ...(input.argv && { Cmd: input.argv }),
    ...(input.entrypoint && { Entrypoint: input.entrypoint }),
    Env: Object.entries(variables).map(([name, value]) => `${name}=${value}`),
    WorkingDir: posix.resolve(WORKSPACE, input.cwd ?? '.'),
    User: `${user.uid}:${user.gid}`,
    Labels: {
      [LABELS.session]: session.sessionId,
      [LABELS.task]: session.taskId,
      [LABELS.epoch]: String(session.epoch),
    },
    HostConfig: {
      Memory: Math.floor(limits.memoryMb) * MIB,
      NanoCpus: Math.round(limits.cpus * 1e9),
      PidsLimit: limits.pids,
      NetworkMode: input.network === 'bridge' ? 'bridge' : of.network,
      Mounts: [
        { Type: 'bind', Source: session.workspace, Target: WORKSPACE },
        { Type: 'bind', Source: session.sessionDir, Target: SESSION },
      ],
    },
  };
}
