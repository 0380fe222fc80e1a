import {
  type CallOptions,
  ComputeFailed,
  type ComputeDriver,
  type ComputeResource,
  type MachineType,
  type PluginContext,
  type VmSpec,
} from '@purser/plugin-sdk';
import { dockerAddress, dockerPlace, isThisMachine } from './address.js';
import type { DockerComputeConfig } from './config.js';
import {
  agentBody,
  componentBody,
  isManaged,
  isPart,
  memoryMbOf,
  resourceOf,
  type Seen,
  vmNameOf,
  ZONE,
} from './containers.js';
import { Engine, statusOf } from './engine.js';

const ATTEMPTS = 3;
const OWN = ['purser-installation', 'purser-vm'] as const;

/** A name that is taken since, a container that is gone: somebody else makes or removes the same VM. */
const meddledWith = (error: unknown): boolean => statusOf(error) === 409 || statusOf(error) === 404;

type Named = Pick<ComputeResource, 'kind' | 'name' | 'zone'>;

/** Containers of a Docker engine as VMs. */
export class DockerCompute implements ComputeDriver {
  readonly provider = 'docker';
  private readonly creating = new Map<string, Promise<void>>();

  constructor(
    private readonly context: PluginContext,
    private readonly config: DockerComputeConfig,
  ) {}

  get place(): string {
    return dockerPlace(this.config.host, this.context.secret('DOCKER_HOST'));
  }

  get sameMachine(): boolean {
    return this.config.sameMachine ?? isThisMachine(this.place);
  }

  async check({ signal }: CallOptions): Promise<void> {
    const { limitsMemory } = await (await this.engine()).capacity(signal);
    if (!limitsMemory)
      throw new ComputeFailed(
        'refused',
        'this Docker host cannot limit the memory of containers; turn on the memory cgroup of its kernel',
      );
    if ((await this.machineTypes(ZONE, { signal })).length === 0)
      throw new ComputeFailed('refused', 'no configured machine type is as small as the Docker host');
  }

  zones(): Promise<string[]> {
    return Promise.resolve([ZONE]);
  }

  async machineTypes(zone: string, { signal }: CallOptions): Promise<MachineType[]> {
    if (zone !== ZONE) return [];
    const host = await (await this.engine()).capacity(signal);
    return this.config.machineTypes
      .filter(({ memoryMb }) => memoryMb <= host.memoryMb)
      .map((type) => ({ ...type, cpus: Math.min(type.cpus, host.cpus) }));
  }

  /** One after another for each VM: half of a pair that another call is making would be taken for one left by a crash. */
  async create(spec: VmSpec, options: CallOptions): Promise<ComputeResource> {
    const before = this.creating.get(spec.name) ?? Promise.resolve();
    const created = before.then(() => this.createAlone(spec, options));
    const settled = created.then(
      () => undefined,
      () => undefined,
    );
    this.creating.set(spec.name, settled);
    try {
      return await created;
    } finally {
      if (this.creating.get(spec.name) === settled) this.creating.delete(spec.name);
    }
  }

  private async createAlone(spec: VmSpec, { signal }: CallOptions): Promise<ComputeResource> {
    signal.throwIfAborted();
    const engine = await this.engine();
    for (let left = ATTEMPTS; ; left--) {
      const there = await engine.pair(spec.name, signal);
      await this.refuseForeign(engine, spec, there, signal);
      if (there.length > 0) {
        const found = resourceOf(spec.name, there);
        if (found.state === 'running') return found;
        // Half made, or ended: no part of it is worth keeping.
        await engine.remove(there, signal);
      }
      const type = await this.typeWithRoom(spec, signal);
      for (const { image } of [spec.startup.agent, spec.startup.component]) await engine.fetchImage(image, signal);
      try {
        await this.make(engine, spec, type, signal);
      } catch (error) {
        if (meddledWith(error) && left > 1) continue;
        throw error;
      }
      const made = await engine.pair(spec.name, signal);
      if (made.length > 0) return resourceOf(spec.name, made);
      throw new ComputeFailed('refused', `the containers of ${spec.name} ended at once; look at their images`);
    }
  }

  private async make(engine: Engine, spec: VmSpec, type: MachineType, signal: AbortSignal): Promise<void> {
    try {
      const agent = await engine.create(agentBody(spec, type, this.config.network), signal);
      const component = await engine.create(componentBody(spec, type, agent), signal);
      await engine.start(agent, signal);
      await engine.start(component, signal);
    } catch (error) {
      // 502: a gate has not heard from Docker, which may have done it all the same.
      if (meddledWith(error) || statusOf(error) === undefined || statusOf(error) === 502) throw error;
      // Docker has refused one step: the others are undone, so that it is certain that there is none.
      const left = (await engine.pair(spec.name, signal)).filter((one) => ownsLabels(spec, one));
      await engine.remove(left, signal);
      throw new ComputeFailed('refused', `Docker refused to make ${spec.name}: ${(error as Error).message.trim()}`, {
        cause: error,
      });
    }
  }

  /** The sum of what VMs may use stays below what the host has: the host's own programs would be killed else. */
  private async typeWithRoom(spec: VmSpec, signal: AbortSignal): Promise<MachineType> {
    const types = await this.machineTypes(spec.zone, { signal });
    const type = types.find(({ name }) => name === spec.machineType);
    if (!type)
      throw new ComputeFailed(
        'refused',
        `${spec.zone} has no machine type "${spec.machineType}"; there are ${types.map(({ name }) => name).join(', ') || 'none'}`,
      );
    const engine = await this.engine();
    const { memoryMb } = await engine.capacity(signal);
    const used = (await engine.list(undefined, signal))
      .filter((one) => isPart(one, 'component') && vmNameOf(one) !== spec.name)
      .reduce((sum, one) => sum + memoryMbOf(one), 0);
    if (used + type.memoryMb > memoryMb)
      throw new ComputeFailed(
        'stockout',
        `the Docker host has ${memoryMb} MB, of which VMs have ${used}: no room for ${type.name}`,
      );
    return type;
  }

  async list(installation: string, { signal }: CallOptions): Promise<ComputeResource[]> {
    const vms = new Map<string, Seen[]>();
    for (const seen of await (await this.engine()).list(installation, signal)) {
      const name = vmNameOf(seen);
      if (name !== undefined) vms.set(name, [...(vms.get(name) ?? []), seen]);
    }
    return [...vms].map(([name, parts]) => resourceOf(name, parts));
  }

  async get({ kind, name, zone }: Named, { signal }: CallOptions): Promise<ComputeResource | undefined> {
    if (kind !== 'vm' || zone !== ZONE) return undefined;
    const parts = (await (await this.engine()).pair(name, signal)).filter(isManaged);
    return parts.length === 0 ? undefined : resourceOf(name, parts);
  }

  async delete({ kind, name, zone }: Named, { signal }: CallOptions): Promise<void> {
    if (kind !== 'vm' || zone !== ZONE) return;
    const engine = await this.engine();
    await engine.remove((await engine.pair(name, signal)).filter(isManaged), signal);
  }

  private async refuseForeign(engine: Engine, spec: VmSpec, there: Seen[], signal: AbortSignal): Promise<void> {
    const own = there.filter((seen) => ownsLabels(spec, seen));
    if (own.length === there.length) return;
    await engine.remove(own, signal);
    throw new ComputeFailed('refused', `there is a container "${spec.name}" that is not this VM's; remove it`);
  }

  /** Found anew for each call: Docker may be started, or moved, later. */
  private async engine(): Promise<Engine> {
    return new Engine(await dockerAddress(this.config.host, this.context.secret('DOCKER_HOST')));
  }
}

const ownsLabels = (spec: VmSpec, seen: Seen): boolean =>
  isManaged(seen) && OWN.every((label) => seen.labels[label] === spec.labels[label]);
