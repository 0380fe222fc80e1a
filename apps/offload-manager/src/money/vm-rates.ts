import { Inject, Injectable } from '@nestjs/common';
import { maxNano, type Nano, parseUsd } from '@purser/money';
import { CONFIG } from '@purser/service';
import type { Config } from '../config.js';
import { type EgressRate, VmPrices } from './vm-prices.js';

/** Whatever costs by the second: a VM with its disk, a VM that stands still, a disk or an address by itself. */
export interface Costing {
  provider: string;
  zone: string | undefined;
  machineType: string | undefined;
  spot: boolean;
  diskGb: number;
  /** An address by itself. */
  address?: boolean;
}

export interface Rate {
  nanoPerHour: Nano;
  row: string | null;
}

type Settings = Pick<
  Config,
  'GCP_VM_TYPE' | 'SPOT_VM_HOURLY_COST' | 'REGULAR_VM_HOURLY_COST' | 'MAX_VM_LIFETIME_HOURS' | 'PURSER_VM_EGRESS_GB'
>;

const HOUR_S = 3_600n;
/** Where no price of a disk is known: $0.17 a GB and month, that of fast network disks. */
const DISK_NANO_PER_GB_HOUR = 233_000n;
/** No row has one: $0.01 an hour, that of an address that nothing uses. */
const ADDRESS_NANO_PER_HOUR = 10_000_000n;
/** No row has one: $0.12 a GB, what leaves Google for most of the internet. */
const EGRESS_NANO_PER_GB = 120_000_000n;
const GB = 2n ** 30n;
/**
 * What leaves a VM between two looks goes on top of what it may send. Whatever is in a VM may speak as its agent: so far
 * beyond its bound it is believed, and held for, and no further.
 */
const BELIEVED = 2n;
/** One's own machines send no bill. */
const OWN = 'docker';

@Injectable()
export class VmRates {
  constructor(
    private readonly prices: VmPrices,
    @Inject(CONFIG) private readonly config: Settings,
  ) {}

  /** Whether it is known what it costs: the settings are the price of the standard machine, and of no larger one. */
  isPriced(provider: string, machineType: string): boolean {
    return provider === OWN || machineType === this.config.GCP_VM_TYPE || this.prices.knows(provider, machineType);
  }

  /** What it is charged: by the price row where there is one, the dearest region’s where this one has none, else the setting. */
  rate({ provider, zone, machineType, spot, diskGb, address = false }: Costing): Rate {
    const machine =
      machineType === undefined
        ? undefined
        : (this.prices.rateFor(provider, machineType, spot, zone) ??
          this.prices.rateFor(provider, machineType, spot, undefined));
    const known = machine === undefined ? this.setting(provider, spot) : machine.nanoPerHour;
    const running = machineType === undefined ? 0n : known;
    const disk = this.prices.diskRateFor(provider, zone);
    return {
      nanoPerHour:
        (address && provider !== OWN ? ADDRESS_NANO_PER_HOUR : 0n) +
        running +
        this.diskRate(provider, zone) * BigInt(diskGb),
      row: machine?.row ?? disk?.row ?? null,
    };
  }

  /** The higher of price and setting for the whole of the longest life, and the most that it can be billed for sending, wherever it may come to be. */
  worstCase(costing: Costing): Nano {
    const { provider, zone, machineType = '', spot, diskGb } = costing;
    const price = this.prices.rateFor(provider, machineType, spot, zone);
    const perHour = maxNano(price?.nanoPerHour ?? 0n, this.setting(provider, spot));
    const hour = perHour + this.diskRate(provider, zone) * BigInt(diskGb);
    const life = (hour * BigInt(Math.ceil(this.config.MAX_VM_LIFETIME_HOURS * 3_600))) / HOUR_S;
    return life + egressCostOf(this.egressRate(provider, zone), 0n, this.mostSent(provider, null));
  }

  /** The dearest region’s where this one has no row. */
  egressRate(provider: string, zone: string | undefined): EgressRate | { nanoPerGb: Nano; row: null } {
    const known = this.prices.egressRateFor(provider, zone) ?? this.prices.egressRateFor(provider, undefined);
    return known ?? { nanoPerGb: provider === OWN ? 0n : EGRESS_NANO_PER_GB, row: null };
  }

  /** What a VM may send in its life; null where that costs nothing. */
  egressBound(provider: string): bigint | null {
    if (this.egressRate(provider, undefined).nanoPerGb === 0n) return null;
    return BigInt(Math.ceil(this.config.PURSER_VM_EGRESS_GB * Number(GB)));
  }

  /** So much is billed of what it sends, and no more. One that has no bound was made when traffic was free: today's holds for it. */
  mostSent(provider: string, bound: bigint | null): bigint {
    const may = bound ?? this.egressBound(provider);
    return may === null ? BigInt(Number.MAX_SAFE_INTEGER) : may * BELIEVED;
  }

  private setting(provider: string, spot: boolean): Nano {
    if (provider === OWN) return 0n;
    return parseUsd(spot ? this.config.SPOT_VM_HOURLY_COST : this.config.REGULAR_VM_HOURLY_COST);
  }

  private diskRate(provider: string, zone: string | undefined): Nano {
    const known = this.prices.diskRateFor(provider, zone);
    return known ? known.nanoPerGbHour : provider === OWN ? 0n : DISK_NANO_PER_GB_HOUR;
  }
}

const HOUR_MS = 3_600_000n;

/** Rounded up: what is told by the minute is never less than the whole. */
export const costOf = ({ nanoPerHour }: Rate, ms: number): Nano =>
  (nanoPerHour * BigInt(Math.max(0, ms)) + HOUR_MS - 1n) / HOUR_MS;

/** Of the bytes from the one to the other: whatever they are told in, all of them together are rounded up once. */
export function egressCostOf({ nanoPerGb }: Pick<EgressRate, 'nanoPerGb'>, from: bigint, to: bigint): Nano {
  const upTo = (bytes: bigint): Nano => (nanoPerGb * bytes + GB - 1n) / GB;
  return to > from ? upTo(to) - upTo(from) : 0n;
}
