import type { ScannedModule } from './module.js';

/** Where a component runs on this machine, and how it is started and stopped there. */
export interface LocalPlace {
  /** Where it answers, such as `http://127.0.0.1:9000`. */
  url: string;
  /** The name of its Docker container. */
  container?: string | undefined;
  /** The program that serves it, run as a child. */
  command?: readonly string[] | undefined;
  cwd?: string | undefined;
}

/** A workload that can run here or on a VM, as it was found. */
export interface Component {
  name: string;
  kind: 'service' | 'container' | 'module' | 'executor';
  /** Where it was found: `components.json`, `docker`, a folder, or a runner. */
  source: string;
  image?: string | undefined;
  /** In the image; empty means the image's own. */
  command: readonly string[];
  env: Readonly<Record<string, string>>;
  /** That it listens on, in the VM. */
  port?: number | undefined;
  healthPath: string;
  memoryMb?: number | undefined;
  diskGb: number;
  stateless: boolean;
  checkpointable: boolean;
  keepLocal: boolean;
  local?: LocalPlace | undefined;
  /** The running container, by its id, whose own use of memory is looked at. */
  containerId?: string | undefined;
  /** By its name, also where nobody said at which address it answers. */
  containerName?: string | undefined;
  module?: ScannedModule | undefined;
}

const MOVABLE_NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** Why it cannot move to a VM, and what would change that; undefined when it can. */
export function whyItStays(component: Component): string | undefined {
  const { name, kind, image, port, stateless, checkpointable, keepLocal, local } = component;
  if (keepLocal) return 'it is kept local: by `keepLocal`, or as long as components.json cannot be read';
  if (kind === 'executor') return 'a session runs where its runner runs; start a runner elsewhere to move it';
  if (kind === 'module')
    return 'it is a module of a program; what moves is a service with an image: see docs/guides/offload.md';
  if (!MOVABLE_NAME.test(name))
    return 'its name has a dot or more than 64 characters: one that moves is asked at `components.ask.<name>`';
  if (image === undefined) return 'it has no `image` that a VM could run';
  if (port === undefined) return 'it has no `port` that its requests could go to';
  if (!stateless && !checkpointable)
    return 'nothing says that it may be stopped here and started there: set `stateless` or `checkpointable`';
  if (local === undefined) return 'it has no `local.url`, so that it could not come back';
  return undefined;
}
