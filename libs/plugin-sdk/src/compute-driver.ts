import type { CallOptions } from './model-provider.js';

/** What a VM is made of. All that tells one apart from another is decided before the first call, so that a repeated one makes no second VM. */
export interface VmSpec {
  /** Deterministic, unique in its installation, a DNS label of at most 63 characters. */
  name: string;
  /** A UUID, the same at every repetition of this request. */
  requestId: string;
  zone: string;
  machineType: string;
  /** May be taken away at any time, for a lower price. */
  spot: boolean;
  diskGb: number;
  /** After so long the platform itself deletes it, whoever is alive. */
  maxRunSeconds: number;
  /** `[a-z0-9_-]`, at most 63 characters each; at least `purser-installation`, `purser-vm`, `purser-component` and `purser-expires` (Unix seconds). */
  labels: Readonly<Record<string, string>>;
  startup: VmStartup;
}

/** How Purser's own image is run as a VM's agent. */
export const AGENT_COMMAND: readonly string[] = ['node', '/app/apps/vm-agent/dist/main.js'];

/** Two containers that share a network: the component, reached at 127.0.0.1, and the agent that speaks for it. */
export interface VmStartup {
  component: {
    image: string;
    /** In place of the program that the image puts before `command`. */
    entrypoint?: string;
    command: readonly string[];
    env: Readonly<Record<string, string>>;
  };
  agent: {
    image: string;
    /** AGENT_COMMAND unless said. */
    command?: readonly string[];
    /** With secrets of this VM alone: never logged, never in a label. */
    env: Readonly<Record<string, string>>;
  };
  /** A folder of the VM's own that both see at this path, and whom (uid:gid) both run as then: the agent image's own user. */
  shared?: { folder: string; user: string };
}

export interface MachineType {
  name: string;
  memoryMb: number;
  cpus: number;
}

/** Whatever costs money or may be forgotten. Disks and addresses count for themselves where they outlive their VM. */
export interface ComputeResource {
  kind: 'vm' | 'disk' | 'address';
  name: string;
  zone: string;
  labels: Readonly<Record<string, string>>;
  createdAt: Date;
  /** `stopped` still costs its disk. */
  state: 'starting' | 'running' | 'stopping' | 'stopped';
  /** Of a VM. */
  machineType?: string | undefined;
  spot?: boolean | undefined;
  /** Of a disk, or of a VM's own disks together. */
  diskGb?: number | undefined;
}

/**
 * Somewhere VMs can be had. Every call may be repeated after a crash or a lost reply. Errors are ComputeFailed, or anything
 * else for "it is not known whether it was done".
 */
export interface ComputeDriver {
  /** Whom the costs are owed to, as the ledger names providers: `gcp`, `docker`. */
  readonly provider: string;
  /** Which estate of the provider it looks after: a project, a host. What was made in another one is not seen by this driver. */
  readonly place: string;
  /** Whether its VMs take their memory from the machine that Purser runs on, as far as it knows: a move there relieves nothing. */
  readonly sameMachine?: boolean | undefined;
  /** Rejects with what is missing and how to mend it, where no VM can be created: credentials, rights, an address that VMs can reach. */
  check(options: CallOptions): Promise<void>;
  /** In the order in which they are to be tried; the first is the one configured. */
  zones(options: CallOptions): Promise<string[]>;
  machineTypes(zone: string, options: CallOptions): Promise<MachineType[]>;
  /**
   * Resolves when it runs. One that is there already by that name with the same `purser-installation` and `purser-vm` is
   * adopted; with others it is refused.
   */
  create(spec: VmSpec, options: CallOptions): Promise<ComputeResource>;
  /** Every resource with this `purser-installation` over all zones, also in those that are no longer configured. All or an error, never a part. */
  list(installation: string, options: CallOptions): Promise<ComputeResource[]>;
  /** Undefined when there is none. Not from a cache. */
  get(
    resource: Pick<ComputeResource, 'kind' | 'name' | 'zone'>,
    options: CallOptions,
  ): Promise<ComputeResource | undefined>;
  /** Resolves when the platform has done it, also when it was gone before. A VM takes the disks that were made with it along. */
  delete(resource: Pick<ComputeResource, 'kind' | 'name' | 'zone'>, options: CallOptions): Promise<void>;
}

/**
 * `stockout`, `quota`: not here, elsewhere perhaps. `unavailable`: nothing was done, later perhaps. `refused`: not this way;
 * the message says what to change.
 */
export type ComputeFailure = 'stockout' | 'quota' | 'unavailable' | 'refused';

/** A request that was not done, for certain. Recognised by its name: plugins may bring a copy of this package. */
export class ComputeFailed extends Error {
  override readonly name = 'ComputeFailed';

  constructor(
    readonly kind: ComputeFailure,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
