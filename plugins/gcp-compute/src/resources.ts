import type { ComputeResource, MachineType } from '@purser/plugin-sdk';
import { z } from 'zod';

const labels = z
  .record(z.string(), z.string())
  .nullish()
  .transform((value) => value ?? {});
const time = z
  .string()
  .transform((value) => new Date(value))
  .refine((value) => Number.isFinite(value.getTime()), 'a time');
const last = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const lastOf = z.string().transform(last);
const int64 = z.union([z.string(), z.number()]).transform(Number);

const STATES: Record<string, ComputeResource['state']> = {
  PROVISIONING: 'starting',
  STAGING: 'starting',
  REPAIRING: 'starting',
  RUNNING: 'running',
  STOPPING: 'stopping',
  SUSPENDING: 'stopping',
  PENDING_STOP: 'stopping',
  STOPPED: 'stopped',
  TERMINATED: 'stopped',
  SUSPENDED: 'stopped',
};

const Instance = z.object({
  name: z.string(),
  zone: lastOf,
  labels,
  creationTimestamp: time,
  /** One that is not known may run: it counts as what costs most. */
  status: z.string().transform((value) => STATES[value] ?? 'running'),
  machineType: lastOf,
  scheduling: z.object({ provisioningModel: z.string().nullish(), preemptible: z.boolean().nullish() }).nullish(),
  disks: z.array(z.object({ diskSizeGb: int64.nullish() })).nullish(),
});

const Disk = z.object({
  name: z.string(),
  zone: lastOf.nullish(),
  region: lastOf.nullish(),
  labels,
  creationTimestamp: time,
  sizeGb: int64,
  users: z.array(z.string()).nullish(),
});

const Address = z.object({
  name: z.string(),
  region: lastOf.nullish(),
  labels,
  creationTimestamp: time,
});

export function vmOf(body: unknown): ComputeResource {
  const { name, zone, labels, creationTimestamp, status, machineType, scheduling, disks } = Instance.parse(body);
  const spot = scheduling?.provisioningModel === 'SPOT' || scheduling?.preemptible === true;
  const diskGb = (disks ?? []).reduce((sum, disk) => sum + (disk.diskSizeGb ?? 0), 0);
  return { kind: 'vm', name, zone, labels, createdAt: creationTimestamp, state: status, machineType, spot, diskGb };
}

export function diskOf(body: unknown): ComputeResource & { attached: boolean } {
  const { name, zone, region, labels, creationTimestamp, sizeGb, users } = Disk.parse(body);
  return {
    kind: 'disk',
    name,
    zone: zone ?? region ?? '',
    labels,
    createdAt: creationTimestamp,
    state: 'running',
    diskGb: sizeGb,
    attached: (users ?? []).length > 0,
  };
}

/** Its zone is a region. */
export function addressOf(body: unknown): ComputeResource {
  const { name, region, labels, creationTimestamp } = Address.parse(body);
  return { kind: 'address', name, zone: region ?? '', labels, createdAt: creationTimestamp, state: 'running' };
}

/** What is in a page of a list over all zones, of one kind. */
export function scoped(items: unknown, kind: 'instances' | 'disks' | 'addresses'): unknown[] {
  const scopes = z.record(z.string(), z.looseObject({})).nullish().parse(items) ?? {};
  // Nothing global is a VM's own: it would be asked for, and deleted, elsewhere.
  const places = Object.entries(scopes).filter(([name]) => name !== 'global');
  return places.flatMap(([, scope]) => (Array.isArray(scope[kind]) ? (scope[kind] as unknown[]) : []));
}

const ZoneRow = z.object({ name: z.string(), region: lastOf, status: z.unknown().optional() });

export const zonesOf = (items: unknown, region: string): string[] =>
  z
    .array(ZoneRow)
    .parse(items ?? [])
    .filter((zone) => zone.region === region && zone.status !== 'DOWN')
    .map(({ name }) => name);

const MachineTypeRow = z.object({
  name: z.string(),
  memoryMb: z.number(),
  guestCpus: z.number(),
  accelerators: z.array(z.unknown()).nullish(),
  architecture: z.string().nullish(),
  deprecated: z.object({ state: z.string().nullish() }).nullish(),
});

/** Those that run any image of x86 alone: one with accelerators costs many times what its memory does. */
export const machineTypesOf = (items: unknown): MachineType[] =>
  z
    .array(MachineTypeRow)
    .parse(items ?? [])
    .filter(({ accelerators, architecture }) => !accelerators?.length && architecture !== 'ARM64')
    .filter(({ deprecated }) => !deprecated?.state || deprecated.state === 'ACTIVE')
    .map(({ name, memoryMb, guestCpus }) => ({ name, memoryMb, cpus: guestCpus }));
