import { z } from 'zod';
import { MIB, Refused, refuseAbove, refuseImage, text } from '../create-body.ts';
import { VM_LABELS } from './vm-labels.ts';
import type { Room } from './vm-room.ts';
import type { VmGateSettings } from './vm-settings.ts';

const AGENT_MB = 256;
const AGENT_CPUS = 1e9;
const MOST_PIDS = 1_024;

const label = z.string().regex(/^[a-z0-9_-]{0,63}$/);
const whole = z.string().regex(/^\d{1,12}$/);

/** Of the component, as the offload-manager names it by installation and VM; its agent has `-agent` behind it. */
export const VM_NAME = /^purser-[0-9a-f]{8}-[0-9a-z]{1,32}$/;

/** What docker-compute writes on both of a VM's containers. */
const labels = (part: 'agent' | 'component') =>
  z.strictObject({
    'purser-installation': label.min(1),
    'purser-vm': label.min(1),
    'purser-component': label.optional(),
    'purser-expires': whole.optional(),
    [VM_LABELS.managed]: z.literal('true'),
    [VM_LABELS.protect]: z.literal('false').optional(),
    'purser.stop': z.literal('true'),
    [VM_LABELS.name]: z.string().regex(VM_NAME),
    [VM_LABELS.part]: z.literal(part),
    'purser.machine-type': label.min(1),
    [VM_LABELS.memoryMb]: whole,
    'purser.spot': z.enum(['true', 'false']),
    'purser.disk-gb': z.string().regex(/^\d{1,9}(\.\d{1,3})?$/),
  });

/** Of a session, both containers have one user, and a volume without a name that goes with them. */
const SHARED = '/purser';

const body = {
  User: z
    .string()
    .regex(/^[1-9]\d{0,9}:[1-9]\d{0,9}$/, 'ids of a user and a group, neither of which is 0')
    .optional(),
  /** Said twice: docker's client puts it into the address and the body. */
  name: z.string().optional(),
  Image: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,500}$/),
  Env: z.array(text.regex(/^[A-Za-z_][A-Za-z0-9_]*=/)).max(1_000),
};
const confined = {
  AutoRemove: z.literal(true),
  CapDrop: z.tuple([z.literal('ALL')]),
  SecurityOpt: z.tuple([z.literal('no-new-privileges')]),
  Memory: z
    .number()
    .int()
    .min(6 * MIB),
  MemorySwap: z.number().int(),
  PidsLimit: z.number().int().min(1).max(MOST_PIDS),
  LogConfig: z.unknown(),
};

/** As much of Docker's own request as may be said for a VM's agent. Whatever else it holds is refused, not dropped. */
const AgentBody = z.strictObject({
  ...body,
  /** `timeout` as its first process ends both containers with nobody alive but Docker. */
  Entrypoint: z
    .tuple([z.literal('timeout'), z.literal('-k'), z.literal('5'), z.string().regex(/^[1-9]\d{0,7}$/)])
    .rest(text),
  Cmd: z.array(text).max(0),
  Volumes: z.strictObject({ [SHARED]: z.strictObject({}) }).optional(),
  Labels: labels('agent'),
  HostConfig: z.strictObject({
    ...confined,
    Init: z.literal(true),
    NetworkMode: z.string(),
    /** Not passed on: NATS is on the network of these VMs, and the machine itself is nothing for them. */
    ExtraHosts: z.tuple([z.literal('host.docker.internal:host-gateway')]),
  }),
});

const OF_AGENT = /^container:([0-9a-f]{64})$/;

const ComponentBody = z.strictObject({
  ...body,
  Cmd: z.array(text).min(1).max(10_000).optional(),
  Entrypoint: z.tuple([text]).optional(),
  Labels: labels('component'),
  HostConfig: z.strictObject({
    ...confined,
    NanoCpus: z.number().int().min(1_000_000),
    NetworkMode: z.string().regex(OF_AGENT),
    PidMode: z.string().regex(OF_AGENT),
    VolumesFrom: z.tuple([z.string().regex(/^[0-9a-f]{64}$/)]).optional(),
  }),
});

export type VmBody =
  | ({ part: 'agent'; seconds: number } & z.output<typeof AgentBody>)
  | ({ part: 'component'; agentId: string } & z.output<typeof ComponentBody>);

type RoomForOne = Pick<Room, 'memoryMb' | 'cpus'>;

/** @returns what was asked for, when it is a VM's container within the bounds; throws `Refused` with what is wrong */
export function vmBodyOf(asked: unknown, named: string, settings: VmGateSettings, room: RoomForOne): VmBody {
  const ofAgent = named.endsWith('-agent');
  const parsed = (ofAgent ? AgentBody : ComponentBody).safeParse(asked);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new Refused(`it is no container of a VM: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`);
  }
  const { name = named, Labels, HostConfig } = parsed.data;
  const wanted = `${Labels[VM_LABELS.name]}${ofAgent ? '-agent' : ''}`;
  if (name !== named || wanted !== named) throw new Refused(`${named} is not the name that its labels give it`);
  if (HostConfig.MemorySwap !== HostConfig.Memory) throw new Refused('a VM has no swap');
  return ofAgent
    ? agentWithin(parsed.data as z.output<typeof AgentBody>, settings)
    : componentWithin(parsed.data as z.output<typeof ComponentBody>, settings, room);
}

function agentWithin(data: z.output<typeof AgentBody>, settings: VmGateSettings): VmBody {
  const { PURSER_GATE_AGENT_IMAGE: image, PURSER_GATE_NETWORK: network, PURSER_GATE_HOURS: hours } = settings;
  const { HostConfig, Entrypoint, Image } = data;
  if (image === undefined) refuseImage(Image, settings.PURSER_GATE_IMAGES);
  else if (Image !== image) throw new Refused(`the agent's image here is ${image}, not ${Image}`);
  if (HostConfig.NetworkMode !== network)
    throw new Refused(`VMs here are on the network ${network}, not on ${HostConfig.NetworkMode}`);
  refuseAbove('Memory of the agent', HostConfig.Memory, AGENT_MB * MIB);
  const command = settings.PURSER_GATE_AGENT_COMMAND;
  const [, , , time, ...asked] = Entrypoint;
  if (asked.join('\0') !== command.join('\0')) throw new Refused(`an agent here runs ${command.join(' ')}`);
  const seconds = Number(time);
  refuseAbove('its time in seconds', seconds, Math.round(hours * 3_600));
  return { part: 'agent', seconds, ...data };
}

function componentWithin(data: z.output<typeof ComponentBody>, settings: VmGateSettings, room: RoomForOne): VmBody {
  const { HostConfig, Image, Labels } = data;
  refuseImage(Image, settings.PURSER_GATE_IMAGES);
  if (HostConfig.PidMode !== HostConfig.NetworkMode) throw new Refused('a component ends with its own agent');
  refuseAbove('Memory', HostConfig.Memory, room.memoryMb * MIB);
  refuseAbove('NanoCpus', HostConfig.NanoCpus, Math.round(room.cpus * 1e9));
  if (HostConfig.Memory !== Number(Labels[VM_LABELS.memoryMb]) * MIB)
    throw new Refused('its label tells of another memory than it has');
  const [, agentId = ''] = OF_AGENT.exec(HostConfig.NetworkMode) ?? [];
  if (HostConfig.VolumesFrom !== undefined && HostConfig.VolumesFrom[0] !== agentId)
    throw new Refused('a component shares a folder with its own agent');
  return { part: 'component', agentId, ...data };
}

/** What the engine is asked for, written anew; `ends` in Unix seconds. */
export function vmContainerFor(wanted: VmBody, ends: number, settings: VmGateSettings): Record<string, unknown> {
  const { Image, Env, Cmd, Entrypoint, User, Labels, HostConfig } = wanted;
  return {
    Image,
    Env,
    ...(Cmd === undefined ? {} : { Cmd }),
    ...(Entrypoint === undefined ? {} : { Entrypoint }),
    ...(User === undefined ? {} : { User }),
    ...(wanted.part === 'agent' && wanted.Volumes !== undefined ? { Volumes: wanted.Volumes } : {}),
    Labels: {
      ...Labels,
      [VM_LABELS.gate]: settings.PURSER_GATE_INSTALLATION,
      [VM_LABELS.ends]: String(ends),
      // What is not said here Docker takes from the image.
      [VM_LABELS.protect]: 'false',
      ...(wanted.part === 'component' ? { [VM_LABELS.nanoCpus]: String(wanted.HostConfig.NanoCpus) } : {}),
    },
    HostConfig: {
      AutoRemove: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges:true'],
      RestartPolicy: { Name: 'no' },
      Memory: HostConfig.Memory,
      MemorySwap: HostConfig.Memory,
      PidsLimit: HostConfig.PidsLimit,
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '2' } },
      NetworkMode: HostConfig.NetworkMode,
      ...(wanted.part === 'agent'
        ? { NanoCpus: AGENT_CPUS, Init: true }
        : {
            NanoCpus: wanted.HostConfig.NanoCpus,
            PidMode: wanted.HostConfig.PidMode,
            ...(wanted.HostConfig.VolumesFrom === undefined ? {} : { VolumesFrom: wanted.HostConfig.VolumesFrom }),
          }),
    },
  };
}
