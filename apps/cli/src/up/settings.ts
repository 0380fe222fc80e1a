import type { ServiceName } from '@purser/contracts';
import { type Environment, parseConfig, port, serviceSettings } from '@purser/service';
import { z } from 'zod';
import type { PortUse } from './ports.js';

const Settings = z.object({
  PURSER_NATS_URL: serviceSettings.PURSER_NATS_URL.optional(),
  PURSER_DATABASE_URL: serviceSettings.PURSER_DATABASE_URL.optional(),
  PURSER_BIND: serviceSettings.PURSER_BIND,
  PURSER_LOG_FORMAT: serviceSettings.PURSER_LOG_FORMAT,
  PURSER_GATEWAY_URL: z.string().optional(),
  PURSER_NATS_PORT: port(4222),
  /** `0.0.0.0` lets VMs reach the bus from outside this machine; whoever does so needs a user and a password. */
  PURSER_NATS_BIND: z.enum(['127.0.0.1', '0.0.0.0'], '127.0.0.1 or 0.0.0.0').default('127.0.0.1'),
  PURSER_POSTGRES_PORT: port(5433),
  PURSER_GATEWAY_PORT: port(8080),
  PURSER_API_PORT: port(8081),
  PURSER_WATCHDOG_PORT: port(8082),
  PURSER_RUNNER_PORT: port(8083),
  PURSER_OFFLOAD_PORT: port(8084),
});
export type Settings = z.output<typeof Settings>;

export const SERVICE_PORTS = {
  'model-gateway': 'PURSER_GATEWAY_PORT',
  orchestrator: 'PURSER_API_PORT',
  'cost-watchdog': 'PURSER_WATCHDOG_PORT',
  'agent-runner': 'PURSER_RUNNER_PORT',
  'offload-manager': 'PURSER_OFFLOAD_PORT',
} as const satisfies Record<ServiceName, keyof Settings>;

const LOOPBACK = '127.0.0.1';

export const parseSettings = (env: Environment): Settings => parseConfig(Settings, env);

/** Every port that a start with these settings binds. */
export function portUses(settings: Settings): PortUse[] {
  const uses: PortUse[] = Object.entries(SERVICE_PORTS).map(([service, variable]) => ({
    what: service,
    variable,
    host: settings.PURSER_BIND,
    port: settings[variable],
  }));
  if (settings.PURSER_NATS_URL === undefined) {
    const { PURSER_NATS_BIND: host, PURSER_NATS_PORT: port } = settings;
    uses.push({ what: 'nats-server', variable: 'PURSER_NATS_PORT', host, port });
  }
  if (settings.PURSER_DATABASE_URL === undefined) {
    uses.push({
      what: 'Postgres',
      variable: 'PURSER_POSTGRES_PORT',
      host: LOOPBACK,
      port: settings.PURSER_POSTGRES_PORT,
    });
  }
  return uses;
}

/** Variables that name the same port, in words. */
export function doubledPorts(settings: Settings): string[] {
  const seen = new Map<number, PortUse>();
  return portUses(settings)
    .filter(({ port }) => port !== 0)
    .flatMap((use) => {
      const other = seen.get(use.port);
      if (!other) seen.set(use.port, use);
      return other ? [`${other.variable} and ${use.variable} are both ${use.port}; each needs a port of its own`] : [];
    });
}
