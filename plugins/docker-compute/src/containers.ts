import { AGENT_COMMAND, type ComputeResource, type MachineType, type VmSpec } from '@purser/plugin-sdk';
import type Docker from 'dockerode';
import { z } from 'zod';

/** A "VM" is two containers, named after it. */
export const PARTS = ['agent', 'component'] as const;
export type Part = (typeof PARTS)[number];

export const nameOf = (vm: string, part: Part): string => (part === 'component' ? vm : `${vm}-agent`);

/** Docker has one place alone. */
export const ZONE = 'docker';

/** Ours, beside the `purser-` ones of the spec: those with a dot stay between this driver and Docker. */
const LABELS = {
  managed: 'purser.managed',
  name: 'purser.vm-name',
  part: 'purser.part',
  machineType: 'purser.machine-type',
  spot: 'purser.spot',
  diskGb: 'purser.disk-gb',
  memoryMb: 'purser.memory-mb',
} as const;

export const MANAGED = `${LABELS.managed}=true`;

const MIB = 2 ** 20;
const AGENT_MB = 192;
/** After SIGTERM at the end of the time. */
const KILL_AFTER_SECONDS = 5;

const labelsOf = (spec: VmSpec, part: Part, type: MachineType): Record<string, string> => ({
  ...spec.labels,
  [LABELS.managed]: 'true',
  // What an emergency stops.
  'purser.stop': 'true',
  // What is not said here Docker takes from the image, which might protect itself.
  'purser.protect': 'false',
  [LABELS.name]: spec.name,
  [LABELS.part]: part,
  [LABELS.machineType]: type.name,
  [LABELS.memoryMb]: String(type.memoryMb),
  [LABELS.spot]: String(spec.spot),
  [LABELS.diskGb]: String(spec.diskGb),
});

const environment = (env: Readonly<Record<string, string>>): string[] =>
  Object.entries(env).map(([name, value]) => `${name}=${value}`);

const confined = (memoryMb: number): Docker.HostConfig => ({
  AutoRemove: true,
  CapDrop: ['ALL'],
  SecurityOpt: ['no-new-privileges'],
  Memory: memoryMb * MIB,
  // As much with swap as without: no swap.
  MemorySwap: memoryMb * MIB,
  PidsLimit: 1_024,
  LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '2' } },
});

/**
 * It owns the network and the process namespace. When its first process ends, the kernel ends all of the component's, and
 * Docker removes both containers: `timeout` makes that happen with nobody alive but Docker.
 */
export function agentBody(spec: VmSpec, type: MachineType, network: string): Docker.ContainerCreateOptions {
  const { image, command = AGENT_COMMAND, env } = spec.startup.agent;
  const { shared } = spec.startup;
  return {
    name: nameOf(spec.name, 'agent'),
    Image: image,
    Entrypoint: ['timeout', '-k', String(KILL_AFTER_SECONDS), String(spec.maxRunSeconds), ...command],
    Cmd: [],
    Env: environment(env),
    Labels: labelsOf(spec, 'agent', type),
    // A volume without a name, which goes with the containers.
    ...(shared && { User: shared.user, Volumes: { [shared.folder]: {} } }),
    HostConfig: {
      ...confined(AGENT_MB),
      Init: true,
      NetworkMode: network,
      ExtraHosts: ['host.docker.internal:host-gateway'],
    },
  };
}

export function componentBody(spec: VmSpec, type: MachineType, agentId: string): Docker.ContainerCreateOptions {
  const { image, entrypoint, command, env } = spec.startup.component;
  const { shared } = spec.startup;
  return {
    name: nameOf(spec.name, 'component'),
    Image: image,
    // Without one the image's own stands.
    ...(command.length === 0 ? {} : { Cmd: [...command] }),
    ...(entrypoint !== undefined && { Entrypoint: [entrypoint] }),
    ...(shared && { User: shared.user }),
    Env: environment(env),
    Labels: labelsOf(spec, 'component', type),
    HostConfig: {
      ...confined(type.memoryMb),
      NanoCpus: Math.round(type.cpus * 1e9),
      NetworkMode: `container:${agentId}`,
      PidMode: `container:${agentId}`,
      ...(shared && { VolumesFrom: [agentId] }),
    },
  };
}

/** One of the two as Docker tells of it, by a list or by an inspection. */
export interface Seen {
  id: string;
  labels: Readonly<Record<string, string>>;
  status: string;
  createdAt: Date;
}

const Labels = z
  .record(z.string(), z.string())
  .nullish()
  .transform((labels) => labels ?? {});

export const Listed = z
  .object({ Id: z.string(), Labels, State: z.string(), Created: z.number() })
  .transform(({ Id, Labels: labels, State, Created }): Seen => {
    return { id: Id, labels, status: State, createdAt: new Date(Created * 1_000) };
  });

export const Inspected = z
  .object({
    Id: z.string(),
    Created: z.string(),
    Config: z.object({ Labels }),
    State: z.object({ Status: z.string() }),
  })
  .transform(({ Id, Created, Config, State }): Seen => {
    // In whole seconds, as a list has it: whoever looks twice has to see that it is the same one.
    const createdAt = new Date(Math.floor(Date.parse(Created) / 1_000) * 1_000);
    return { id: Id, labels: Config.Labels, status: State.Status, createdAt };
  });

export const isManaged = ({ labels }: Seen): boolean => labels[LABELS.managed] === 'true';
export const vmNameOf = ({ labels }: Seen): string | undefined => labels[LABELS.name];
export const memoryMbOf = ({ labels }: Seen): number => Number(labels[LABELS.memoryMb] ?? 0);
export const isPart = ({ labels }: Seen, part: Part): boolean => labels[LABELS.part] === part;

const isLive = ({ status }: Seen): boolean => status === 'running' || status === 'paused' || status === 'restarting';

/** Also of half a pair: one that was left so by a crash is to be seen, and deleted. */
export function resourceOf(name: string, parts: readonly Seen[]): ComputeResource {
  const [first] = parts;
  if (first === undefined) throw new TypeError('a VM has at least one container');
  const { labels } = first;
  return {
    kind: 'vm',
    name,
    zone: ZONE,
    labels: Object.fromEntries(Object.entries(labels).filter(([label]) => label.startsWith('purser-'))),
    createdAt: new Date(Math.min(...parts.map(({ createdAt }) => createdAt.getTime()))),
    state: stateOf(parts),
    machineType: labels[LABELS.machineType],
    spot: labels[LABELS.spot] === 'true',
    diskGb: Number(labels[LABELS.diskGb] ?? 0),
  };
}

function stateOf(parts: readonly Seen[]): ComputeResource['state'] {
  if (parts.some(({ status }) => status === 'removing')) return 'stopping';
  if (parts.some(({ status }) => status === 'exited' || status === 'dead')) return 'stopped';
  if (parts.length === PARTS.length) return parts.every(isLive) ? 'running' : 'starting';
  // The agent is made first and started last: alone it is half made only as long as it was not started.
  const halfMade = parts.every((seen) => isPart(seen, 'agent') && seen.status === 'created');
  return halfMade ? 'starting' : 'stopped';
}
