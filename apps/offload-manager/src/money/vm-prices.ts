import type { Nano } from '@purser/money';

export interface MachineRate {
  nanoPerHour: Nano;
  /** The row of prices it follows, as the ledger names it. */
  row: string;
}

export interface EgressRate {
  /** Of 2^30 bytes, as platforms count. */
  nanoPerGb: Nano;
  row: string;
}

export interface DiskRate {
  nanoPerGbHour: Nano;
  row: string;
}

/** What platforms charge; undefined where nobody knows, and the settings have to do. */
export abstract class VmPrices {
  /** Whether there is a price of it anywhere. */
  abstract knows(provider: string, machineType: string): boolean;
  abstract rateFor(
    provider: string,
    machineType: string,
    spot: boolean,
    zone: string | undefined,
  ): MachineRate | undefined;
  abstract diskRateFor(provider: string, zone: string | undefined): DiskRate | undefined;
  abstract egressRateFor(provider: string, zone: string | undefined): EgressRate | undefined;
}

export const NO_PRICES = {
  knows: () => false,
  rateFor: () => undefined,
  diskRateFor: () => undefined,
  egressRateFor: () => undefined,
} satisfies VmPrices;
