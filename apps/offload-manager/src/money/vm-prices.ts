import type { Nano } from '@purser/money';

export interface MachineRate {
  nanoPerHour: Nano;
  /** The row of prices it follows, as the ledger names it. */
  row: string;
}

export interface DiskRate {
  nanoPerGbHour: Nano;
  row: string;
}

/** What platforms charge; undefined where nobody knows, and the settings have to do. */
export abstract class VmPrices {
  abstract rateFor(
    provider: string,
    machineType: string,
    spot: boolean,
    zone: string | undefined,
  ): MachineRate | undefined;
  abstract diskRateFor(provider: string, zone: string | undefined): DiskRate | undefined;
}

export const NO_PRICES: VmPrices = { rateFor: () => undefined, diskRateFor: () => undefined };
