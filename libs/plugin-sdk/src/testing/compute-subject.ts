import type { ComputeDriver, VmStartup } from '../compute-driver.js';

/** Where the VMs really are, asked by another way than through the driver. */
export interface ComputePlatform {
  /** Names of all VMs and, where they outlive them, disks and addresses that were made since it was opened and are there. */
  inventory(): string[] | Promise<string[]>;
  /** Takes a VM away, as a preemption does, or somebody at a console. Resolves when it is gone. */
  take(name: string): void | Promise<void>;
  /** Lets time go by until so long after a VM was made; absent where nobody but the agent ends a VM that is too old. */
  pass?(seconds: number): void | Promise<void>;
  /** The next VM is made, but the one who asked for it is not told; absent where that cannot be brought about. */
  loseNextReply?(): void | Promise<void>;
  /** From now on there is nothing to be had of this kind. */
  exhaust?(kind: 'stockout' | 'quota'): void | Promise<void>;
  /** Refuses whoever asks, as for a revoked key or a missing right. */
  refuse(): void | Promise<void>;
  /** Takes requests and never answers. */
  hang?(): void | Promise<void>;
}

export interface OpenedCompute {
  driver: ComputeDriver;
  platform: ComputePlatform;
  /** Also deletes what is left over. */
  close(): Promise<void>;
}

export interface ComputeSubject {
  /** A driver of its own for each check, ready to make VMs. */
  open(): Promise<OpenedCompute>;
  machineType: string;
  diskGb: number;
  /** Runs for as long as it is let. */
  startup: VmStartup;
  /** The longest that making or deleting a VM takes; standard: 10 s. */
  slowMs?: number;
  /** What must not be in an error nor in what is told of a VM: credentials of the driver, and of the VM. */
  secrets?: readonly string[];
}
