import type { Address, Disk, Instance, InstanceBody } from './resources.js';
import type { Meter } from './bill.js';

/** What there is and what it has used, as time goes by. Knows nothing of requests. */
export class Estate {
  readonly instances = new Map<string, Instance>();
  readonly disks = new Map<string, Disk>();
  readonly addresses = new Map<string, Address>();
  readonly meters: Meter[] = [];
  /** What is gone, for lists that have not heard of it yet. */
  private readonly gone: { instance: Instance; at: number }[] = [];
  private counted = 0;

  constructor(
    private readonly now: () => number,
    /** How long an instance takes to run, and to be gone. */
    private readonly slow: { bootMs: number; deleteMs: number },
  ) {}

  nextId(): string {
    this.counted += 1;
    // Longer than a number holds exactly, as Google's are.
    return String(7_000_000_000_000_000_000n + BigInt(this.counted));
  }

  add(zone: string, body: InstanceBody): Instance {
    const { name = '', scheduling = {} } = body;
    const createdAt = this.now();
    const most = scheduling.maxRunDuration?.seconds;
    const instance: Instance = {
      id: this.nextId(),
      name,
      zone,
      body,
      createdAt,
      status: 'PROVISIONING',
      endsAt: most === undefined ? Infinity : createdAt + Number(most) * 1000,
      ending: scheduling.instanceTerminationAction === 'DELETE' ? 'delete' : 'stop',
    };
    this.instances.set(keyOf(instance), instance);
    const machineType = body.machineType?.split('/').at(-1) ?? '';
    const spot = scheduling.provisioningModel === 'SPOT';
    this.meters.push({ what: 'vm', name, zone, machineType, spot, from: createdAt });
    body.disks?.forEach(({ autoDelete = false, initializeParams = {} }, index) => {
      const { diskName = index === 0 ? name : `${name}-${index}`, diskSizeGb = '10', labels = {} } = initializeParams;
      this.addDisk({ name: diskName, zone, labels, sizeGb: Number(diskSizeGb), user: name, autoDelete });
    });
    return instance;
  }

  addDisk(disk: Omit<Disk, 'id' | 'createdAt'>): void {
    const { name, zone, sizeGb: diskGb } = disk;
    this.disks.set(keyOf(disk), { ...disk, id: this.nextId(), createdAt: this.now() });
    this.meters.push({ what: 'disk', name, zone, diskGb, from: this.now() });
  }

  addAddress({ name, region, labels }: Pick<Address, 'name' | 'region' | 'labels'>): void {
    this.addresses.set(`${region}/${name}`, { id: this.nextId(), name, region, labels, createdAt: this.now() });
    this.meters.push({ what: 'address', name, zone: region, from: this.now() });
  }

  /** Begins to end it; it is gone after the time that this takes, or sooner when that was under way. */
  end(instance: Instance, ending: Instance['ending'] = 'delete', afterMs = this.slow.deleteMs): void {
    instance.endsAt = Math.min(instance.endsAt, this.now() + afterMs);
    instance.ending = ending;
    instance.status = 'STOPPING';
  }

  removeDisk(disk: Disk, at = this.now()): void {
    this.disks.delete(keyOf(disk));
    this.stop('disk', disk.name, disk.zone, at);
  }

  removeAddress({ name, region }: Address): void {
    this.addresses.delete(`${region}/${name}`);
    this.stop('address', name, region, this.now());
  }

  /** Brings about what has become due. */
  pass(): void {
    const now = this.now();
    for (const instance of [...this.instances.values()]) {
      if (instance.status === 'PROVISIONING' && now >= instance.createdAt + this.slow.bootMs / 2)
        instance.status = 'STAGING';
      if (instance.status === 'STAGING' && now >= instance.createdAt + this.slow.bootMs) instance.status = 'RUNNING';
      if (now < instance.endsAt || instance.status === 'TERMINATED') continue;
      const { endsAt, ending } = instance;
      this.stop('vm', instance.name, instance.zone, endsAt);
      if (ending === 'delete') this.drop(instance, endsAt);
      else Object.assign(instance, { status: 'TERMINATED', endsAt: Infinity });
    }
  }

  /** As lists have it that hear of everything so much later. */
  listed(lagMs: number): Instance[] {
    const since = this.now() - lagMs;
    const late = this.gone.filter(({ instance, at }) => at > since && instance.createdAt <= since);
    return [
      ...[...this.instances.values()].filter(({ createdAt }) => createdAt <= since),
      ...late.map(({ instance }) => instance),
    ];
  }

  private drop(instance: Instance, at: number): void {
    this.instances.delete(keyOf(instance));
    this.gone.push({ instance: { ...instance, status: 'RUNNING' }, at });
    for (const disk of [...this.disks.values()])
      if (disk.user === instance.name && disk.zone === instance.zone) {
        if (disk.autoDelete) this.removeDisk(disk, at);
        else disk.user = undefined;
      }
  }

  private stop(what: Meter['what'], name: string, zone: string, at: number): void {
    for (const meter of this.meters)
      if (meter.what === what && meter.name === name && meter.zone === zone) meter.to ??= at;
  }
}

export const keyOf = ({ zone, name }: { zone: string; name: string }): string => `${zone}/${name}`;
