import {
  ASK_COMPONENT,
  BUCKETS,
  budgetFacts,
  budgetsChanged,
  budgetsList,
  budgetsRetire,
  type Contract,
  COMPUTE_SPEND_IDS,
  CONTRACTS,
  costsSummary,
  deadLetter,
  emergencyAcknowledged,
  emergencyCleared,
  emergencyShutdown,
  emergencyStatus,
  type Fact,
  heartbeat,
  keysChanged,
  keysCheck,
  keysCreate,
  keysRenew,
  keysRevoke,
  leasesGrant,
  leasesRead,
  leasesRecall,
  leasesReturn,
  ledgerModels,
  ledgerSum,
  modelsComplete,
  type Operation,
  OPERATIONS,
  readsStreams,
  schedulesChanged,
  type ServiceName,
  servedBy,
  servedOn,
  sessionLink,
  sessionRefused,
  sessionsContent,
  sessionsForget,
  spendRecorded,
  STREAM_KEEPER,
  STREAMS,
  type StreamName,
  taskSignalled,
  tasksCreate,
  tasksBatch,
  tasksGet,
  tasksList,
  tasksSubmit,
  vmsKeep,
  vmsLeave,
  vmsPlace,
  workAvailable,
  workClaim,
  workFinish,
  workHeartbeat,
} from '@purser/contracts';

export const SERVICE_NAMES: readonly ServiceName[] = [
  'cost-watchdog',
  'model-gateway',
  'orchestrator',
  'agent-runner',
  'offload-manager',
];

export interface Permissions {
  publish: string[];
  subscribe: string[];
}

interface Needs {
  /** Operations of others (and, for the control API, its own) that it calls, besides `emergency.status` at its start. */
  calls: readonly Operation[];
  /** Beyond the heartbeats and the emergency broadcasts, which every service hears. */
  hears: readonly Fact[];
  /** Facts of another service that it publishes too, by the ids that it may. */
  tells?: readonly { fact: Fact; ids: readonly string[] }[];
  /** Streams that it has durable consumers on. */
  consumes: readonly StreamName[];
  /** Streams that it reads in order, taking nothing from them, by consumers that end with it. */
  reads?: readonly StreamName[];
}

/** Who needs what of whom. Everything else follows from the contracts: who owns an operation, who publishes a fact. */
const NEEDS: Record<ServiceName, Needs> = {
  orchestrator: {
    // The control API passes every operation that has a route on to the bus, its own ones too.
    calls: [
      ...OPERATIONS.filter(({ http }) => http !== undefined),
      budgetsRetire,
      ledgerSum,
      ledgerModels,
      keysCheck,
      sessionsContent,
      sessionsForget,
    ],
    hears: [workAvailable, sessionRefused, ...Object.values(budgetFacts), schedulesChanged],
    consumes: ['TASKS'],
    // For /v1/events.
    reads: ['FACTS'],
  },
  'agent-runner': {
    calls: [
      workClaim,
      workHeartbeat,
      workFinish,
      tasksGet,
      ledgerSum,
      keysCreate,
      keysRenew,
      keysRevoke,
      budgetsList,
      vmsPlace,
      vmsKeep,
      vmsLeave,
    ],
    hears: [workAvailable, taskSignalled, sessionRefused],
    consumes: [],
  },
  'model-gateway': {
    calls: [leasesGrant, leasesReturn, leasesRead, budgetsList, budgetsChanged],
    hears: [keysChanged, leasesRecall],
    consumes: [],
  },
  'cost-watchdog': {
    calls: [],
    hears: [],
    consumes: ['SPEND', 'FACTS', 'DEAD'],
  },
  'offload-manager': {
    // It holds money for VMs as gateways do for calls, and tells what they cost.
    calls: [leasesGrant, leasesReturn, budgetsList, costsSummary],
    hears: [],
    tells: [{ fact: spendRecorded, ids: COMPUTE_SPEND_IDS }],
    consumes: [],
  },
};

const anyId = ({ name, id }: Pick<Fact, 'name' | 'id'>): string => (id === undefined ? name : `${name}.>`);

/** A service says of itself alone that it lives and that it has stopped. */
const ofOneself = (fact: Fact, service: ServiceName): string =>
  fact === heartbeat || fact === emergencyAcknowledged ? `${fact.name}.${service}.*` : anyId(fact);

function published(service: ServiceName): string[] {
  const isFact = (contract: Contract): contract is Fact => contract.kind === 'fact';
  const { tells = [] } = NEEDS[service];
  const own = CONTRACTS.filter(isFact)
    .filter((fact) => fact.by === service || fact.by === 'every service')
    .filter((fact) => fact !== deadLetter || NEEDS[service].consumes.length > 0)
    .map((fact) => ofOneself(fact, service));
  return [...own, ...tells.flatMap(({ fact, ids }) => ids.map((id) => `${fact.name}.${id}`))];
}

const KEPT = [...Object.keys(STREAMS), ...Object.values(BUCKETS).map((bucket) => `KV_${bucket}`)];
const onKept = (verb: string): string[] => KEPT.map((stream) => `$JS.API.STREAM.${verb}.${stream}`);

const readLatch = [`$JS.API.STREAM.MSG.GET.KV_${BUCKETS.emergency}`];

/** Who may change a stream can empty it, or have the server publish what is in it as something else. Nobody may delete or purge one. */
function streams(service: ServiceName): string[] {
  if (service === STREAM_KEEPER)
    return [...['INFO', 'CREATE', 'UPDATE'].flatMap(onKept), ...readLatch, `$KV.${BUCKETS.emergency}.>`];
  return readsStreams(service) ? [...onKept('INFO'), ...readLatch] : [];
}

const consumer = (stream: string): string[] => [
  `$JS.API.CONSUMER.CREATE.${stream}`,
  `$JS.API.CONSUMER.CREATE.${stream}.>`,
  `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.*`,
  `$JS.API.CONSUMER.INFO.${stream}.*`,
  `$JS.API.CONSUMER.DELETE.${stream}.*`,
  `$JS.API.CONSUMER.MSG.NEXT.${stream}.*`,
  // Acknowledgements and flow control; the second form of each carries a domain and an account first.
  `$JS.ACK.${stream}.>`,
  `$JS.ACK.*.*.${stream}.>`,
  `$JS.FC.${stream}.>`,
  `$JS.FC.*.*.${stream}.>`,
];

const reader = (stream: string): string[] => [
  `$JS.API.CONSUMER.CREATE.${stream}.>`,
  ...['INFO', 'DELETE', 'MSG.NEXT'].map((verb) => `$JS.API.CONSUMER.${verb}.${stream}.*`),
];

/** Components are asked by name, and the one who brings them from place to place answers for those at home. */
const components = (service: ServiceName) =>
  service === 'offload-manager'
    ? {
        publish: [`${ASK_COMPONENT}.*`, `$KV.${BUCKETS.endpoints}.>`, '_INBOX_vm.>', '_INBOX_offload-manager.>'],
        subscribe: [`${ASK_COMPONENT}.*`],
      }
    : { publish: [], subscribe: [] };

/** Runners speak with the agents of their sessions' VMs. */
const sessionVms = (service: ServiceName): { publish: string[]; subscribe: string[] } => {
  const { toVm, fromVm } = sessionLink('*');
  return service === 'agent-runner' ? { publish: [toVm], subscribe: [fromVm] } : { publish: [], subscribe: [] };
};

/**
 * Where a service's answers go: to the inboxes of those who ask it. Not `allow_responses`, which lets it answer on any
 * subject that whoever asks has named, be it the purge of a stream.
 */
function inboxes(service: ServiceName): string[] {
  const asks = (name: ServiceName) => [...NEEDS[name].calls, emergencyStatus].some(({ owner }) => owner === service);
  return ['_INBOX.>', ...[...SERVICE_NAMES.filter(asks), 'tools', 'cli'].map((name) => `_INBOX_${name}.>`)];
}

/** No more of the bus than the service's own subjects. */
export function servicePermissions(service: ServiceName): Permissions {
  const { calls, hears, consumes, reads = [] } = NEEDS[service];
  const served = servedBy(service).filter((contract) => contract.kind === 'operation');
  return {
    publish: unique([
      ...calls.map(({ name }) => name),
      ...(service === STREAM_KEEPER ? [] : [emergencyStatus.name]),
      ...published(service),
      ...streams(service),
      ...consumes.flatMap(consumer),
      ...reads.flatMap(reader),
      ...inboxes(service),
      ...components(service).publish,
      ...sessionVms(service).publish,
    ]),
    subscribe: unique([
      `_INBOX_${service}.>`,
      ...served.map(servedOn),
      ...components(service).subscribe,
      ...sessionVms(service).subscribe,
      ...[heartbeat, emergencyShutdown, emergencyCleared, ...hears].map(anyId),
      // Discovery and figures by the NATS Services protocol.
      ...['PING', 'INFO', 'STATS'].flatMap((verb) => [
        `$SRV.${verb}`,
        `$SRV.${verb}.${service}`,
        `$SRV.${verb}.${service}.*`,
      ]),
    ]),
  };
}

const FACTS_FOR_TOOLS = [
  'task.>',
  'budget.>',
  'alert.>',
  // The requests under it too, which say nothing secret: the subject that everybody guesses first must work.
  'emergency.>',
  'spend.>',
  'component.>',
  'vm.>',
];

/** For other programs: hand in tasks, look at them, call models, hear what happens, see which services there are; nothing else. */
export function toolsPermissions(): Permissions {
  return {
    publish: [
      // Calling models needs a key of the gateway besides.
      ...[tasksSubmit, tasksCreate, tasksBatch, tasksGet, tasksList, modelsComplete].map(({ name }) => name),
      `${ASK_COMPONENT}.*`,
      ...['PING', 'INFO', 'STATS'].flatMap((verb) => [`$SRV.${verb}`, `$SRV.${verb}.>`]),
    ],
    subscribe: ['_INBOX.>', '_INBOX_tools.>', ...FACTS_FOR_TOOLS],
  };
}

const unique = (subjects: string[]): string[] => [...new Set(subjects)];
