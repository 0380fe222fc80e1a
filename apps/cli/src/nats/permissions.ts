import {
  BUCKETS,
  budgetsChanged,
  budgetsList,
  budgetsRetire,
  type Contract,
  CONTRACTS,
  emergencyAcknowledged,
  emergencyCleared,
  emergencyShutdown,
  emergencyStatus,
  type Fact,
  heartbeat,
  keysCreate,
  keysRenew,
  keysRevoke,
  leasesGrant,
  leasesRead,
  leasesRecall,
  leasesReturn,
  ledgerSum,
  type Operation,
  OPERATIONS,
  type ServiceName,
  servedBy,
  STREAMS,
  type StreamName,
  tasksCreate,
  tasksGet,
  tasksList,
  tasksSubmit,
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
  /** Streams that it has durable consumers on. */
  consumes: readonly StreamName[];
  /** Key-value buckets; all read `emergency` at their start. */
  watches: readonly string[];
  writes: readonly string[];
}

/** Who needs what of whom. Everything else follows from the contracts: who owns an operation, who publishes a fact. */
const NEEDS: Record<ServiceName, Needs> = {
  orchestrator: {
    // The control API passes every operation that has a route on to the bus, its own ones too.
    calls: [...OPERATIONS.filter(({ http }) => http !== undefined), budgetsRetire, ledgerSum],
    hears: [],
    consumes: ['TASKS'],
    watches: [],
    writes: [],
  },
  'agent-runner': {
    calls: [workClaim, workHeartbeat, workFinish, tasksGet, ledgerSum, keysCreate, keysRenew, keysRevoke],
    hears: [workAvailable],
    consumes: [],
    watches: [],
    writes: [],
  },
  'model-gateway': {
    calls: [leasesGrant, leasesReturn, leasesRead, budgetsList, budgetsChanged],
    hears: [leasesRecall],
    consumes: [],
    watches: [BUCKETS.budgets],
    writes: [],
  },
  'cost-watchdog': {
    calls: [],
    hears: [],
    consumes: ['SPEND', 'FACTS', 'DEAD'],
    watches: [BUCKETS.budgets],
    writes: [BUCKETS.budgets, BUCKETS.emergency],
  },
  'offload-manager': { calls: [], hears: [], consumes: [], watches: [], writes: [] },
};

const anyId = ({ name, id }: Pick<Fact, 'name' | 'id'>): string => (id === undefined ? name : `${name}.>`);

/** A service says of itself alone that it lives and that it has stopped. */
const ofOneself = (fact: Fact, service: ServiceName): string =>
  fact === heartbeat || fact === emergencyAcknowledged ? `${fact.name}.${service}.*` : anyId(fact);

function published(service: ServiceName): string[] {
  const isFact = (contract: Contract): contract is Fact => contract.kind === 'fact';
  return CONTRACTS.filter(isFact)
    .filter(({ by }) => by === service || by === 'every service')
    .map((fact) => ofOneself(fact, service));
}

/** Every service makes sure at its start that the streams are there; none may delete or purge one. */
const ENSURE_STREAMS = ['INFO', 'CREATE', 'UPDATE'].flatMap((verb) =>
  [...Object.keys(STREAMS), ...Object.values(BUCKETS).map((bucket) => `KV_${bucket}`)].map(
    (stream) => `$JS.API.STREAM.${verb}.${stream}`,
  ),
);

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

const readKey = (bucket: string): string[] => [
  `$JS.API.STREAM.MSG.GET.KV_${bucket}`,
  `$JS.API.DIRECT.GET.KV_${bucket}`,
  `$JS.API.DIRECT.GET.KV_${bucket}.>`,
];

/**
 * Where answers go. Not `allow_responses`, which lets a service answer on any subject that whoever asks has named, be it
 * the purge of a stream.
 */
const INBOXES = ['_INBOX.>', ...[...SERVICE_NAMES, 'tools', 'cli'].map((name) => `_INBOX_${name}.>`)];

/** No more of the bus than the service's own subjects. */
export function servicePermissions(service: ServiceName): Permissions {
  const { calls, hears, consumes, watches, writes } = NEEDS[service];
  const served = servedBy(service).filter(({ kind }) => kind === 'operation');
  const reads = new Set<string>([BUCKETS.emergency, ...watches, ...writes]);
  return {
    publish: unique([
      ...calls.map(({ name }) => name),
      ...(service === 'cost-watchdog' ? [] : [emergencyStatus.name]),
      ...published(service),
      '$JS.API.INFO',
      ...ENSURE_STREAMS,
      ...consumes.flatMap(consumer),
      ...[...reads].flatMap(readKey),
      ...watches.flatMap((bucket) => consumer(`KV_${bucket}`)),
      ...writes.map((bucket) => `$KV.${bucket}.>`),
      ...INBOXES,
    ]),
    subscribe: unique([
      `_INBOX_${service}.>`,
      ...served.map(({ name }) => name),
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

/** For other programs: hand in tasks, look at them, hear what happens, see which services there are; nothing else. */
export function toolsPermissions(): Permissions {
  return {
    publish: [
      ...[tasksSubmit, tasksCreate, tasksGet, tasksList].map(({ name }) => name),
      ...['PING', 'INFO', 'STATS'].flatMap((verb) => [`$SRV.${verb}`, `$SRV.${verb}.>`]),
    ],
    subscribe: ['_INBOX.>', '_INBOX_tools.>', ...FACTS_FOR_TOOLS],
  };
}

const unique = (subjects: string[]): string[] => [...new Set(subjects)];
