import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';

const CALL_MS = 5_000;

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/**
 * The engine at DOCKER_HOST, or this machine's own. Undefined when there is none, which is no trouble: in compose DOCKER_HOST
 * is the socket of a gate that is there with its profile alone.
 */
export async function dockerAt(host: string | undefined, timeout = CALL_MS): Promise<Docker | undefined> {
  if (host?.startsWith('tcp://') || host?.startsWith('http://')) {
    const { hostname, port } = new URL(host);
    return new Docker({ protocol: 'http', host: hostname, port: port || 2375, timeout });
  }
  if (host?.startsWith('unix://')) {
    const socketPath = host.slice('unix://'.length);
    return (await exists(socketPath)) ? new Docker({ socketPath, timeout }) : undefined;
  }
  // ssh:// and the variables that go with TLS are read by the client itself.
  if (host) return new Docker();
  for (const path of ['/var/run/docker.sock', join(homedir(), '.docker', 'run', 'docker.sock')])
    if (await exists(path)) return new Docker({ socketPath: path, timeout });
  return undefined;
}
