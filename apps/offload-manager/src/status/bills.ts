import type { Nano } from '@purser/money';

/** Injection token of Bills. */
export const BILLS = Symbol('bills');

/** What a VM cost, until now or until it was gone. */
export interface VmBill {
  createdAt: Date;
  /** Undefined: it is there still. */
  goneAt: Date | undefined;
  cost: Nano;
  perHour: Nano;
  /** What a regular machine of its kind costs. */
  regularPerHour: Nano;
}

export interface Bills {
  /** Of VMs that were there at any time since then. */
  since(at: Date): Promise<VmBill[]>;
}
