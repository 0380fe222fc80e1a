import type { ServiceName } from '@purser/contracts';
import type { Environment, RunningService } from '@purser/service';
import type { z } from 'zod';

interface Service {
  Config: z.ZodType;
  start: (env: Environment) => Promise<RunningService>;
}

/** Each is loaded once, to read the configuration with; it starts later. */
const LOADERS = {
  'cost-watchdog': () => import('@purser/cost-watchdog'),
  'model-gateway': () => import('@purser/model-gateway'),
  orchestrator: () => import('@purser/orchestrator'),
  'agent-runner': () => import('@purser/agent-runner'),
  'offload-manager': () => import('@purser/offload-manager'),
} satisfies Record<ServiceName, () => Promise<Service>>;

/** The watchdog first, whose state the others wait for; agents last, when all they use is there. */
export const START_STAGES: readonly (readonly ServiceName[])[] = [
  ['cost-watchdog'],
  ['model-gateway', 'orchestrator'],
  ['agent-runner', 'offload-manager'],
];

/** First what makes work, last what the others settle with. */
export const STOP_ORDER: readonly ServiceName[] = [
  'agent-runner',
  'model-gateway',
  'offload-manager',
  'orchestrator',
  'cost-watchdog',
];

export type LoadedServices = { [Name in ServiceName]: ReturnType<(typeof LOADERS)[Name]> };

export function loadServices(): LoadedServices {
  const loaded = Object.fromEntries(
    Object.entries(LOADERS).map(([name, load]) => {
      const loading = load();
      loading.catch(() => undefined); // Told where it is awaited; until then it is not unhandled.
      return [name, loading];
    }),
  );
  return loaded as LoadedServices;
}
