import type { Contract, Operation, ServiceName } from './contract.js';
import * as alerts from './alerts.js';
import * as budgets from './budgets.js';
import * as calls from './calls.js';
import * as components from './components.js';
import * as costs from './costs.js';
import * as deadLetters from './dead-letters.js';
import * as deciding from './deciding.js';
import * as emergency from './emergency.js';
import * as keys from './keys.js';
import * as labels from './labels.js';
import * as leases from './leases.js';
import * as ledger from './ledger.js';
import * as models from './models.js';
import * as moves from './moves.js';
import * as offload from './offload.js';
import * as outlook from './outlook.js';
import * as prices from './prices.js';
import * as schedules from './schedules.js';
import * as services from './services.js';
import * as sessionVms from './session-vms.js';
import * as sessions from './sessions.js';
import * as sources from './sources.js';
import * as spikes from './spikes.js';
import * as taskControl from './task-control.js';
import * as tasks from './tasks.js';
import * as vmAgents from './vm-agents.js';
import * as work from './work.js';
import * as worth from './worth.js';

export * from './alerts.js';
export * from './budgets.js';
export * from './calls.js';
export * from './cloud-event.js';
export * from './components.js';
export * from './contract.js';
export * from './costs.js';
export * from './dead-letters.js';
export * from './deciding.js';
export { asyncApi } from './docs/asyncapi.js';
export { errorsPage } from './docs/errors-page.js';
export { GATEWAY_ENDPOINTS, gatewayOpenApi } from './docs/gateway-openapi.js';
export { openApi } from './docs/openapi.js';
export * from './emergency.js';
export * from './errors.js';
export { fieldIssues } from './field-issues.js';
export * from './keys.js';
export * from './labels.js';
export * from './leases.js';
export * from './ledger.js';
export * from './measures.js';
export * from './models.js';
export * from './moves.js';
export * from './offload.js';
export * from './predictions.js';
export * from './outlook.js';
export * from './prices.js';
export * from './records.js';
export * from './scalars.js';
export * from './schedules.js';
export * from './services.js';
export * from './session-program.js';
export * from './session-vms.js';
export * from './sessions.js';
export * from './sources.js';
export * from './spikes.js';
export * from './streams.js';
export * from './task-budget.js';
export * from './task-control.js';
export * from './tasks.js';
export * from './vm-agents.js';
export * from './work.js';
export * from './worth.js';

const isContract = (value: unknown): value is Contract =>
  typeof value === 'object' &&
  value !== null &&
  'kind' in value &&
  ['operation', 'command', 'fact'].includes(String(value.kind));

/** Every subject of the bus, in the order of the files. */
export const CONTRACTS: readonly Contract[] = [
  tasks,
  schedules,
  taskControl,
  deadLetters,
  work,
  labels,
  worth,
  outlook,
  sessions,
  budgets,
  leases,
  ledger,
  costs,
  spikes,
  sources,
  emergency,
  keys,
  models,
  calls,
  prices,
  offload,
  vmAgents,
  sessionVms,
  moves,
  components,
  deciding,
  services,
  alerts,
]
  .flatMap((module) => Object.values(module) as unknown[])
  .filter(isContract);

export const OPERATIONS: readonly Operation[] = CONTRACTS.filter((contract) => contract.kind === 'operation');

/** What a service must serve: it does not boot with one of them missing or doubled. */
export const servedBy = (service: ServiceName): Contract[] =>
  CONTRACTS.filter((contract) => contract.kind !== 'fact' && contract.owner === service);
