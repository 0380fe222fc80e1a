import type { ServiceName } from '@purser/contracts';

/** The one schema that each service owns; it reads and writes no other. */
export const SERVICE_SCHEMAS = {
  'cost-watchdog': 'ledger',
  'model-gateway': 'gateway',
  orchestrator: 'tasks',
  'agent-runner': 'sessions',
  'offload-manager': 'offload',
} as const satisfies Record<ServiceName, string>;
