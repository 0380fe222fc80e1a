import type { Pressure } from '@purser/contracts';
import type { MemoryBound } from './cgroup.js';

export interface HostMemory {
  totalBytes: number;
  availableBytes: number;
}

/** What can still be had, and of how much, by the narrowest of all bounds. */
export interface MemoryReading {
  at: Date;
  availableMb: number;
  totalMb: number;
  usedPercent: number;
  /** What bounds it: this machine, or a control group such as a container's. */
  boundBy: 'machine' | 'cgroup';
}

const MB = 1024 ** 2;

export function memoryReading(at: Date, host: HostMemory, bounds: readonly MemoryBound[]): MemoryReading {
  const machine = { total: host.totalBytes, available: host.availableBytes, boundBy: 'machine' as const };
  const groups = bounds
    // A limit above the machine's memory bounds nothing.
    .filter(({ limitBytes }) => limitBytes < host.totalBytes)
    .map(({ limitBytes, usedBytes }) => ({
      total: limitBytes,
      available: Math.max(0, limitBytes - usedBytes),
      boundBy: 'cgroup' as const,
    }));
  const narrowest = groups.reduce<typeof machine | (typeof groups)[number]>(
    (least, one) => (one.available < least.available ? one : least),
    machine,
  );
  return {
    at,
    availableMb: Math.floor(narrowest.available / MB),
    totalMb: Math.floor(narrowest.total / MB),
    usedPercent: narrowest.total === 0 ? 100 : (1 - narrowest.available / narrowest.total) * 100,
    boundBy: narrowest.boundBy,
  };
}

/** Over fewer readings, or a shorter time, nothing can be said. */
const MIN_READINGS = 3;
const MIN_SPAN_MS = 20_000;

/** How available memory changes, in MiB per minute, by least squares; undefined while too little is known. */
export function trendOf(readings: readonly Pick<MemoryReading, 'at' | 'availableMb'>[]): number | undefined {
  const [first] = readings;
  const last = readings.at(-1);
  if (!first || !last || readings.length < MIN_READINGS) return undefined;
  if (last.at.getTime() - first.at.getTime() < MIN_SPAN_MS) return undefined;
  const points = readings.map(
    ({ at, availableMb }) => [(at.getTime() - first.at.getTime()) / 60_000, availableMb] as const,
  );
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / points.length;
  const spread = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  return spread === 0 ? undefined : points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / spread;
}

export interface PressureBounds {
  /** Less than this is pressure. */
  offloadMb: number;
  /** Less than this cannot wait. */
  criticalMb: number;
  maxUsedPercent: number;
}

/** So much more than the bound must be there before memory counts as plentiful: between the two nothing changes. */
export const PLENTIFUL = 1.25;

export function pressureOf({ availableMb, usedPercent }: MemoryReading, bounds: PressureBounds): Pressure {
  if (availableMb < bounds.criticalMb) return 'critical';
  if (availableMb < bounds.offloadMb || usedPercent > bounds.maxUsedPercent) return 'pressure';
  return isPlentiful({ availableMb, usedPercent }, bounds) ? 'calm' : 'easing';
}

/** Whether memory would stay plentiful. */
export const isPlentiful = (
  { availableMb, usedPercent }: Pick<MemoryReading, 'availableMb' | 'usedPercent'>,
  { offloadMb, maxUsedPercent }: PressureBounds,
): boolean => availableMb >= offloadMb * PLENTIFUL && usedPercent <= maxUsedPercent - (100 - maxUsedPercent) / 2;
