import { ComputeFailed, type ComputeDriver, type ComputeResource, type VmSpec } from '@purser/plugin-sdk';
import type { Clock } from '@purser/service';

/** Throws where a process would die, and from then on at everything that it would still do. */
export class Crash {
  private steps = 0;
  private dead = false;

  constructor(private readonly at = Infinity) {}

  get happened(): boolean {
    return this.dead;
  }

  step(): void {
    this.steps += 1;
    if (this.steps >= this.at) this.dead = true;
    if (this.dead) throw new Error('crashed');
  }
}

type Fault = 'stockout' | 'quota' | 'unavailable' | 'refused' | 'lost reply' | 'lost request';

interface Life {
  resource: ComputeResource;
  goneAt: Date | undefined;
}

const keyOf = ({ kind, name, zone }: Pick<ComputeResource, 'kind' | 'name' | 'zone'>) => `${kind} ${zone} ${name}`;

/** A platform in memory that keeps a bill of its own. */
export class ScriptedPlatform {
  readonly lives: Life[] = [];
  /** What was asked for. */
  readonly specs: VmSpec[] = [];
  /** What happens to the next calls, in order; `undefined` for one that works. */
  createFaults: (Fault | undefined)[] = [];
  deleteFaults: (Fault | undefined)[] = [];
  zones = ['zone-a', 'zone-b', 'zone-c'];
  away = false;
  /** The name of one about which it does not answer, though it lists it. */
  hides = '';
  /** The name of one that no deletion ends. */
  keeps = '';

  constructor(
    private readonly clock: Clock,
    readonly provider = 'fake',
    readonly place = 'here',
  ) {}

  inventory(): ComputeResource[] {
    return this.lives.filter(({ goneAt }) => goneAt === undefined).map(({ resource }) => resource);
  }

  /** Of everything that ever was. */
  get billedMs(): number {
    const now = this.clock.now().getTime();
    return this.lives.reduce((sum, { resource, goneAt }) => {
      return sum + (goneAt?.getTime() ?? now) - resource.createdAt.getTime();
    }, 0);
  }

  put(resource: Partial<ComputeResource> & Pick<ComputeResource, 'name'>): ComputeResource {
    const full: ComputeResource = {
      kind: 'vm',
      zone: 'zone-a',
      labels: {},
      createdAt: this.clock.now(),
      state: 'running',
      machineType: 'small',
      spot: true,
      diskGb: 10,
      ...resource,
    };
    this.lives.push({ resource: full, goneAt: undefined });
    return full;
  }

  end(resource: Pick<ComputeResource, 'kind' | 'name' | 'zone'>): void {
    for (const life of this.lives)
      if (life.goneAt === undefined && keyOf(life.resource) === keyOf(resource)) life.goneAt = this.clock.now();
  }

  /** As one process sees it. */
  driver(crash = new Crash()): ComputeDriver {
    const call = async <T>(work: () => T): Promise<T> => {
      // As a request goes out, and as its answer comes in.
      await Promise.resolve();
      crash.step();
      if (this.away) throw new Error('the platform does not answer');
      const result = work();
      crash.step();
      return result;
    };
    const find = (resource: Pick<ComputeResource, 'kind' | 'name' | 'zone'>) =>
      this.inventory().find((one) => keyOf(one) === keyOf(resource));
    return {
      provider: this.provider,
      place: this.place,
      check: () => call(() => undefined),
      zones: () => call(() => this.zones),
      machineTypes: () => call(() => [{ name: 'small', memoryMb: 1_024, cpus: 1 }]),
      create: (spec) => call(() => this.create(spec, find({ kind: 'vm', ...spec }))),
      list: (installation) =>
        call(() => this.inventory().filter(({ labels }) => labels['purser-installation'] === installation)),
      get: (resource) =>
        call(() => {
          if (resource.name === this.hides) throw new Error('no answer');
          return find(resource);
        }),
      delete: (resource) =>
        call(() => {
          const fault = this.deleteFaults.shift();
          if (fault === 'lost request' || fault === 'unavailable') throw new Error('no answer');
          if (resource.name !== this.keeps) this.end(resource);
          if (fault === 'lost reply') throw new Error('no answer');
        }),
    };
  }

  private create(spec: VmSpec, there: ComputeResource | undefined): ComputeResource {
    this.specs.push(spec);
    const fault = this.createFaults.shift();
    if (fault === 'lost request') throw new Error('no answer');
    if (fault !== undefined && fault !== 'lost reply') throw new ComputeFailed(fault, `scripted ${fault}`);
    const { name, zone, labels, machineType, spot, diskGb } = spec;
    const made = there ?? this.put({ name, zone, labels, machineType, spot, diskGb });
    if (fault === 'lost reply') throw new Error('no answer');
    return made;
  }
}
