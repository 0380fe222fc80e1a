import type { Nano } from '@purser/money';

/** Injection token of Bills. */
export const BILLS = Symbol('bills');

/** What a VM cost, until now or until it was gone. */
export interface VmBill {
  createdAt: Date;
  /** Undefined: it is there still. */
  goneAt: Date | undefined;
  /** When it ends at the latest. */
  expiresAt: Date;
  cost: Nano;
  /** What the same had cost on a regular machine, by the prices of then. */
  regular: Nano;
  /** By the prices of now. */
  perHour: Nano;
}

export interface Bills {
  /** Of VMs that were there at any time since then. */
  since(at: Date): Promise<VmBill[]>;
}
