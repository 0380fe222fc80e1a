import { z } from 'zod';

const path = (standard: string) =>
  z
    .string()
    .startsWith('/', 'a path such as ' + standard)
    .default(standard);

export const Config = z.object({
  /** The engine's own socket, mounted here and nowhere else. */
  PURSER_DOCKER_SOCKET: path('/var/run/docker.sock'),
  /** Where the watchdog finds this proxy. */
  PURSER_STOPPER_SOCKET: path('/run/purser-docker/docker.sock'),
});
