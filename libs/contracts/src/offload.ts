import { z } from 'zod';
import { fact, operation } from './contract.js';
import { Decision } from './emergency.js';
import { Id, Instant, limitUpTo, Token, Usd } from './scalars.js';

/**
 * `requested`: written down, nothing was called. `creating`: the platform may have been called. `ready`: it runs, its agent
 * was heard and its component is healthy. `gone`: it was seen to be gone, or never came to be.
 */
export const VmState = z.enum(['requested', 'creating', 'ready', 'draining', 'deleting', 'gone']);
export type VmState = z.infer<typeof VmState>;

export const Vm = z.object({
  id: Id,
  /** What the platform calls it. */
  name: z.string(),
  provider: Token,
  /** Null until one was chosen. */
  zone: z.string().nullable(),
  machineType: z.string(),
  /** May be taken away by the platform at any time, for a lower price. */
  spot: z.boolean(),
  memoryMb: z.number().int(),
  diskGb: z.number().int(),
  component: z.string(),
  state: VmState,
  /** Why it is in this state, in words. */
  reason: z.string(),
  requestedAt: Instant,
  /** By the platform's clock; null until it was seen. */
  createdAt: Instant.nullable(),
  readyAt: Instant.nullable(),
  /** When its agent last spoke. */
  heardAt: Instant.nullable(),
  /** It is deleted by then, whatever happens: by Purser, by the platform, by the reaper. */
  expiresAt: Instant,
  goneAt: Instant.nullable(),
  /** What its whole lifetime costs at most, set aside in every budget that it counts against. */
  heldUsd: Usd,
  /** So far. */
  costUsd: Usd,
  /** That left it, and are in its cost. */
  sentBytes: z.number().int().nonnegative().default(0),
});
export type Vm = z.infer<typeof Vm>;

/** Something at a platform that carries this installation's label and that no VM of its records claims. */
export const StrayResource = z.object({
  id: Id,
  provider: Token,
  kind: z.enum(['vm', 'disk', 'address']),
  name: z.string(),
  zone: z.string(),
  createdAt: Instant,
  firstSeenAt: Instant,
  /** Null while it was not seen to be gone. */
  goneAt: Instant.nullable(),
  reason: z.string(),
  costUsd: Usd,
});
export type StrayResource = z.infer<typeof StrayResource>;

/** Those of Purser's own compute drivers. */
const COMPUTE_PROVIDERS = ['gcp', 'docker'];

/** What ends the subject of what a VM has cost: a driver of another author has a token before its provider. */
export const computeSpendId = (provider: string): string =>
  COMPUTE_PROVIDERS.includes(provider) ? provider : `compute.${provider}`;

/** Whose VMs are told of there; undefined where models are. */
export function computeProviderOf(spendId: string): string | undefined {
  if (COMPUTE_PROVIDERS.includes(spendId)) return spendId;
  return /^compute\.([^.]+)$/.exec(spendId)?.[1];
}

/** What attempts of VMs are called, and none of a gateway: a digest of the thing, and from when, or after how many bytes. */
export const isComputeAttempt = (attemptId: string): boolean => /^[0-9a-f]{32}-(sent-)?[0-9a-z]+$/.test(attemptId);

/** All that is below `spend.recorded` for VMs: whoever may tell that may not tell what models cost. */
export const COMPUTE_SPEND_IDS: readonly string[] = [...COMPUTE_PROVIDERS, 'compute.*'];

export const vmsList = operation('vms.list', {
  owner: 'offload-manager',
  summary:
    'The VMs that are not gone, newest first (with `all=true` those of before too), and what runs without a record.',
  request: z.object({
    all: z.union([z.boolean(), z.stringbool()]).default(false),
    component: z.string().max(200).optional(),
    limit: limitUpTo(1000, 100),
  }),
  reply: z.object({ vms: z.array(Vm), strays: z.array(StrayResource) }),
  http: { method: 'GET', path: '/v1/vms' },
});

export const vmsGet = operation('vms.get', {
  owner: 'offload-manager',
  summary: 'One VM, also one that is gone.',
  request: z.object({ id: Id }),
  reply: Vm,
  http: { method: 'GET', path: '/v1/vms/:id' },
});

export const vmsDelete = operation('vms.delete', {
  owner: 'offload-manager',
  summary:
    'Delete a VM, in whatever state. It is `gone` once it was seen to be; done twice, the second time changes nothing.',
  request: z.object({
    id: Id,
    by: Decision.shape.by.default('unnamed'),
    reason: z.string().max(2000).default('deleted by a person'),
  }),
  reply: Vm,
  http: { method: 'DELETE', path: '/v1/vms/:id' },
});

export const vmsReap = operation('vms.reap', {
  owner: 'offload-manager',
  summary:
    'Look through all zones now for what no record claims, and for what is past its lifetime. It answers when the first look is done; what is found is deleted after the second.',
  request: z.object({}),
  reply: z.object({
    /** What will be looked at a second time. */
    found: z.array(
      z.object({
        provider: Token,
        kind: StrayResource.shape.kind,
        name: z.string(),
        zone: z.string(),
        createdAt: Instant,
        reason: z.string(),
      }),
    ),
    secondLookAt: Instant,
    /** Whose platforms could be looked through. */
    searched: z.array(Token).default([]),
    /** And whose could not: what is there nobody knows, and it is looked for again by itself. */
    unsearched: z.array(z.object({ provider: Token, reason: z.string() })).default([]),
  }),
  http: { method: 'POST', path: '/v1/vms/reap', status: 202 },
});

const change = (name: string, summary: string) =>
  fact(`vm.${name}`, { by: 'offload-manager', id: 'vmId', stream: 'FACTS', summary, data: Vm });

export const vmFacts = {
  requested: change('requested', 'A VM is wanted; nothing was called yet.'),
  creating: change('creating', 'A platform is asked for it, in the zone that it names.'),
  created: change('created', 'The platform has it: from `createdAt` on it costs money.'),
  ready: change('ready', 'It runs, its agent was heard and its component is healthy.'),
  preempted: change('preempted', 'The platform takes it away.'),
  draining: change('draining', 'It takes no new requests and will be deleted.'),
  deleting: change('deleting', 'It is being deleted.'),
  gone: change('deleted', 'It was seen to be gone, or never came to be; `reason` says which.'),
};
export const vmRequested = vmFacts.requested;
export const vmCreating = vmFacts.creating;
export const vmCreated = vmFacts.created;
export const vmReady = vmFacts.ready;
export const vmPreempted = vmFacts.preempted;
export const vmDraining = vmFacts.draining;
export const vmDeleting = vmFacts.deleting;
export const vmDeleted = vmFacts.gone;

const stray = (name: string, summary: string) =>
  fact(`vm.${name}`, { by: 'offload-manager', id: 'strayId', stream: 'FACTS', summary, data: StrayResource });

export const vmOrphaned = stray(
  'orphaned',
  'Something with the label of this installation was seen twice that no VM of its records claims.',
);
export const vmReaped = stray('reaped', 'It was deleted, and seen to be gone.');
