import { posix } from 'node:path';
import { z } from 'zod';
import { LABELS } from './labels.ts';
import type { GateSettings } from './settings.ts';

export const MIB = 1024 * 1024;
/** What a container prints is kept by the engine up to twice this, for whoever reads it late. */
const LOG_FILE = '16m';

export const text = z
  .string()
  .max(128 * 1024)
  .refine((value) => !value.includes('\0'), 'no NUL character');
const id = z.string().min(1).max(200);
const absolute = text.refine((value) => value.startsWith('/') && posix.normalize(value) === value, 'an absolute path');

/** The body of Docker's own request, as much of it as may be said. Whatever else it holds is refused, not dropped. */
export const CreateBody = z.strictObject({
  Image: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,500}$/),
  Cmd: z.array(text).min(1).max(10_000).optional(),
  Entrypoint: z.array(text).max(100).optional(),
  Env: z.array(text.regex(/^[A-Za-z_][A-Za-z0-9_]*=/)).max(1_000),
  WorkingDir: absolute,
  User: z.string().regex(/^[1-9]\d{0,9}:[1-9]\d{0,9}$/, 'ids of a user and a group, neither of which is 0'),
  Labels: z.strictObject({ [LABELS.session]: id, [LABELS.task]: id, [LABELS.epoch]: z.string().regex(/^\d{1,15}$/) }),
  HostConfig: z.strictObject({
    Memory: z
      .number()
      .int()
      .min(6 * MIB),
    NanoCpus: z.number().int().min(1_000_000),
    PidsLimit: z.number().int().min(1),
    /** The network of the gate's settings, or `bridge` for that and Docker's own. */
    NetworkMode: z.string(),
    Mounts: z.array(z.strictObject({ Type: z.literal('bind'), Source: absolute, Target: absolute })).max(8),
  }),
});
export type CreateBody = z.output<typeof CreateBody>;

export class Refused extends Error {}
/** Not for what was asked, but for how things are at present. */
export class Full extends Error {}

export function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new Refused('the request is no JSON');
  }
}

export const isBelow = (folder: string, path: string): boolean =>
  path.startsWith(folder.endsWith('/') ? folder : `${folder}/`) && path.length > folder.length;

/** @returns what the engine is asked for, written anew; throws `Refused` with what is wrong */
export function containerFor(asked: unknown, settings: GateSettings): Record<string, unknown> {
  const parsed = CreateBody.safeParse(asked);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new Refused(`the container may not be made: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`);
  }
  const { HostConfig: limits, Labels, ...body } = parsed.data;
  refuseAbove('Memory', limits.Memory, settings.PURSER_GATE_MEMORY_MB * MIB);
  refuseAbove('NanoCpus', limits.NanoCpus, Math.round(settings.PURSER_GATE_CPUS * 1e9));
  refuseAbove('PidsLimit', limits.PidsLimit, settings.PURSER_GATE_PIDS);
  refuseImage(body.Image, settings.PURSER_GATE_IMAGES);
  const networks = networksFor(limits.NetworkMode, settings);
  return {
    ...body,
    Labels: {
      ...Labels,
      [LABELS.managed]: settings.PURSER_GATE_INSTALLATION,
      [LABELS.gate]: settings.PURSER_GATE_NAME,
      [LABELS.stop]: 'true',
      // What is not said here Docker takes from the image.
      [LABELS.protect]: 'false',
    },
    NetworkingConfig: { EndpointsConfig: Object.fromEntries(networks.map((name) => [name, {}])) },
    HostConfig: {
      ...limits,
      NetworkMode: networks[0],
      Mounts: limits.Mounts.map((mount) => mountFor(mount, settings)),
      // No swap on top: a container that has used its memory up is ended, and its session told why.
      MemorySwap: limits.Memory,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges:true'],
      ReadonlyRootfs: true,
      Tmpfs: { '/tmp': 'rw,nosuid,nodev,size=256m,mode=1777' },
      // Reaps what is orphaned, and passes SIGTERM on.
      Init: true,
      RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'json-file', Config: { 'max-size': LOG_FILE, 'max-file': '2' } },
    },
  };
}

export function refuseImage(image: string, allowed: readonly string[]): void {
  if (!allowsImage(image, allowed))
    throw new Refused(`images here begin with ${allowed.join(' or ')}, which ${image} does not`);
}

/** Where nothing is listed, any is. */
export const allowsImage = (image: string, allowed: readonly string[]): boolean =>
  allowed.length === 0 || allowed.some((beginning) => beginsWith(image, beginning));

/** A registry by its host, and its port if it has one, or what ends with a part of a path: no image by itself, and no tag. */
const GOES_ON = /^(localhost|[^/:@]*\.[^/:@]*|[^/:@]+:\d+)$|^[^/@]+\/[^:@]+$/;

/**
 * A part of a name is no beginning: `example.com/agents` allows neither `example.com/agents-of-others` nor another port, and
 * `python`, an image of its registry's own, not `python/one`, which is somebody else's.
 */
function beginsWith(image: string, beginning: string): boolean {
  if (!image.startsWith(beginning)) return false;
  const rest = image.slice(beginning.length);
  if (rest === '' || /[/:@]$/.test(beginning)) return true;
  if (rest.startsWith('/')) return GOES_ON.test(beginning);
  const ofTag = /[:@][^/]*$/.test(beginning);
  return ofTag ? /^[^A-Za-z0-9/]/.test(rest) : /^(@|:[^/]*$)/.test(rest);
}

export function refuseAbove(what: string, asked: number, most: number): void {
  if (asked > most) throw new Refused(`${what} is ${asked}, the most here is ${most}`);
}

function networksFor(asked: string, settings: GateSettings): string[] {
  const { PURSER_GATE_NETWORK: own, PURSER_GATE_BRIDGE: bridge } = settings;
  if (asked === own) return [own];
  if (asked !== 'bridge') throw new Refused(`the network "${asked}" is not one for containers of sessions`);
  // On both: the model gateway is found on the first alone.
  if (bridge) return [own, 'bridge'];
  throw new Refused('the network "bridge" is not allowed here; whoever runs Purser can allow it');
}

function mountFor({ Source, Target }: { Source: string; Target: string }, settings: GateSettings): object {
  const { PURSER_GATE_VOLUME: volume, PURSER_GATE_FOLDERS: folders } = settings;
  if (!folders.some((folder) => isBelow(folder, Source)))
    throw new Refused(`${Source} is not below ${folders.join(', ') || 'any folder that may be mounted'}`);
  if (volume === undefined) return { Type: 'bind', Source, Target };
  const [name, at] = [volume.slice(0, volume.indexOf(':')), volume.slice(volume.indexOf(':') + 1)];
  if (!isBelow(at, Source)) throw new Refused(`${Source} is not below ${at}`);
  // The engine follows no link on this way that leads out of the volume.
  return { Type: 'volume', Source: name, Target, VolumeOptions: { Subpath: posix.relative(at, Source) } };
}
