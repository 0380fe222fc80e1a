import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ComputeFailed } from '@purser/plugin-sdk';
import type Docker from 'dockerode';

export interface DockerAddress {
  shown: string;
  /** Undefined: the client reads DOCKER_HOST, and the variables that go with it, by itself. */
  options: Docker.DockerOptions | undefined;
}

const SOCKETS = ['/var/run/docker.sock', join(homedir(), '.docker', 'run', 'docker.sock')];

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** The configured host, else DOCKER_HOST, else the socket of this machine's engine. */
export async function dockerAddress(
  configured: string | undefined,
  fromEnvironment: string | undefined,
): Promise<DockerAddress> {
  const host = configured ?? fromEnvironment;
  if (host === undefined || host === '') {
    for (const path of SOCKETS) if (await exists(path)) return bySocket(path);
    throw new ComputeFailed('refused', 'Docker was not found. Start it, set DOCKER_HOST, or configure "host".');
  }
  if (host.startsWith('unix://')) return bySocket(host.slice('unix://'.length));
  if (configured === undefined) return { shown: host, options: undefined };
  const { protocol, hostname, port } = new URL(host);
  return {
    shown: host,
    options: { host: hostname, port: Number(port), protocol: protocol === 'https:' ? 'https' : 'http' },
  };
}

/** What tells one Docker host from another, as far as settings do. */
export const dockerPlace = (configured: string | undefined, fromEnvironment: string | undefined): string =>
  configured ?? (fromEnvironment?.trim() || 'unix:///var/run/docker.sock');

/** What a process, or a container, calls the machine that it is on. */
const HERE = /^(localhost|(host|gateway)\.docker\.internal|127(\.\d+){3}|\[::1\]|0\.0\.0\.0)$/i;

/** A socket, or a pipe, is that of this machine's engine; behind an address may be any but those that lead here. */
export function isThisMachine(place: string): boolean {
  if (/^(unix|npipe):/.test(place)) return true;
  // DOCKER_HOST may leave the scheme out.
  const url = place.includes('://') ? place : `tcp://${place}`;
  return HERE.test(URL.parse(url.replace(/^tcp:/, 'http:'))?.hostname ?? '');
}

const bySocket = (socketPath: string): DockerAddress => ({ shown: `unix://${socketPath}`, options: { socketPath } });
