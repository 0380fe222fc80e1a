import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type Docker from 'dockerode';

/** Where Docker is, in words and as the client takes it. */
export interface DockerAddress {
  shown: string;
  /** Undefined when DOCKER_HOST is given: the client reads it, and the variables that go with it, by itself. */
  options: Docker.DockerOptions | undefined;
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/**
 * DOCKER_HOST, or the socket of this machine's engine. Undefined when there is none: a machine without Docker has no
 * containers to stop, which is no trouble.
 */
export async function dockerAddress(host: string | undefined): Promise<DockerAddress | undefined> {
  const socket = host?.startsWith('unix://') ? host.slice('unix://'.length) : undefined;
  if (host && socket === undefined) return { shown: host, options: undefined };
  const candidates = socket ? [socket] : ['/var/run/docker.sock', join(homedir(), '.docker', 'run', 'docker.sock')];
  for (const path of candidates)
    if (await exists(path)) return { shown: `unix://${path}`, options: { socketPath: path } };
  return undefined;
}
