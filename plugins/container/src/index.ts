import { join } from 'node:path';
import { chooseUser } from '@purser/guard';
import { definePlugin, PLUGIN_API_VERSION, type PluginContext } from '@purser/plugin-sdk';
import { z } from 'zod';
import { ContainerExecutor } from './container.executor.js';
import { GateAccess } from './gate-access.js';
import { installationOf } from './installation.js';

export { ContainerExecutor, type ContainerExecutorOptions } from './container.executor.js';
export { GateAccess } from './gate-access.js';
export { ContainerInput } from './input.js';

const id = z.number().int().min(1).max(0xfffffffe);

const Config = z.strictObject({
  /** Where Purser keeps its data, and below which folders sessions work: the runner fills it in. */
  home: z.string().min(1).optional(),
  folders: z.array(z.string().min(1)).default([]),
  /** The socket of a gate that somebody else runs, which alone may speak to Docker. */
  gate: z.string().min(1).optional(),
  /** Whom containers run as when Purser was started as root; `nobody` otherwise. */
  user: z.strictObject({ uid: id, gid: id }).optional(),
  /** For tasks that say nothing themselves. */
  memoryMb: z.number().int().min(6).default(512),
  cpus: z.number().min(0.01).default(1),
  pids: z.number().int().min(1).default(256),
});
type Config = z.output<typeof Config>;

/** Bounds of a gate of the runner's own; another's has them in its own environment. */
const BOUNDS = ['MEMORY_MB', 'CPUS', 'PIDS', 'CONTAINERS', 'IMAGES', 'PULL', 'BRIDGE'].map(
  (name) => `PURSER_GATE_${name}`,
);

function ownGate({ home, folders }: Config, context: PluginContext) {
  if (home === undefined) throw new Error('containers are offered where PURSER_CONTAINERS is true');
  const host = context.secret('DOCKER_HOST') ?? 'unix:///var/run/docker.sock';
  if (!host.startsWith('unix://'))
    throw new Error(`containers need Docker on this machine, whose socket DOCKER_HOST names; it is ${host}`);
  const installation = installationOf(home);
  const bounds = BOUNDS.flatMap((name) => {
    const value = context.secret(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    folder: join(home, 'containers'),
    environment: {
      PURSER_GATE_ENGINE: host.slice('unix://'.length),
      PURSER_GATE_INSTALLATION: `purser-${installation}`,
      PURSER_GATE_NETWORK: `purser-agents-${installation}`,
      PURSER_GATE_FOLDERS: folders.join(','),
      ...Object.fromEntries(bounds),
    },
  };
}

export default definePlugin({
  name: 'container',
  apiVersion: PLUGIN_API_VERSION,
  config: Config,
  capabilities: {
    executor: (context, config) => {
      const say = (line: string) => context.logger.info({ gate: line }, 'the gate of containers');
      const gate = new GateAccess(config.gate ?? ownGate(config, context), say);
      const executor = new ContainerExecutor({
        gate,
        user: chooseUser(config.user, process.getuid?.() ?? -1),
        standard: { memoryMb: config.memoryMb, cpus: config.cpus, pids: config.pids },
        say: (line) => context.logger.warn({ reason: line }, 'a container is kept from what it tries'),
      });
      // At once, since it removes what was left over.
      gate
        .socketPath()
        .catch((error: Error) =>
          context.logger.error({ reason: error.message }, 'containers cannot be run: the gate was not started'),
        );
      context.signal.addEventListener('abort', () => void executor.close(), { once: true });
      return executor;
    },
  },
});
