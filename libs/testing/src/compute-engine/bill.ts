/** Something that costs for as long as it is there. */
export interface Meter {
  what: 'vm' | 'disk' | 'address';
  name: string;
  zone: string;
  machineType?: string;
  spot?: boolean;
  diskGb?: number;
  from: number;
  /** Undefined while it goes on. */
  to?: number;
}

/** In nano-dollars; nothing else is charged. */
export interface Rates {
  vmPerHour: (machineType: string, spot: boolean) => bigint;
  diskPerGbMonth: bigint;
  addressPerHour: bigint;
}

/** 0.029 and 0.12 US dollars an hour, 0.04 for a gigabyte over a month of 730 hours. */
export const RATES: Rates = {
  vmPerHour: (_machineType, spot) => (spot ? 29_000_000n : 120_000_000n),
  diskPerGbMonth: 40_000_000n,
  addressPerHour: 5_000_000n,
};

const HOUR_MS = 3_600_000n;

/** What it has cost, to the millisecond. */
export function charge(meter: Meter, rates: Rates, now: number): bigint {
  const ms = BigInt(Math.max(0, (meter.to ?? now) - meter.from));
  if (meter.what === 'vm') return (rates.vmPerHour(meter.machineType ?? '', meter.spot ?? false) * ms) / HOUR_MS;
  if (meter.what === 'address') return (rates.addressPerHour * ms) / HOUR_MS;
  return (rates.diskPerGbMonth * BigInt(meter.diskGb ?? 0) * ms) / (HOUR_MS * 730n);
}
