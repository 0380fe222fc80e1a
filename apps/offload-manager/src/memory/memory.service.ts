import type { Pressure } from '@purser/contracts';
import { Inject, Injectable } from '@nestjs/common';
import { Clock, CONFIG } from '@purser/service';
import { mem } from 'systeminformation';
import type { Config } from '../config.js';
import { memoryBounds } from './cgroup.js';
import { memoryReading, type MemoryReading, type PressureBounds, pressureOf, trendOf } from './memory-reading.js';

const KEPT_MS = 5 * 60_000;

export interface MemoryState {
  reading: MemoryReading;
  pressure: Pressure;
  /** MiB per minute; undefined while too little is known. */
  trend: number | undefined;
}

/** The memory that this process and what runs beside it can still have. */
@Injectable()
export class Memory {
  private readings: MemoryReading[] = [];

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly clock: Clock,
  ) {}

  get bounds(): PressureBounds {
    return {
      offloadMb: this.config.OFFLOAD_RAM_THRESHOLD_GB * 1024,
      criticalMb: this.config.CRITICAL_RAM_THRESHOLD_GB * 1024,
      maxUsedPercent: this.config.MAX_LOCAL_RAM_PERCENT,
    };
  }

  async read(): Promise<MemoryState> {
    const [host, bounds] = await Promise.all([mem(), memoryBounds()]);
    const reading = memoryReading(this.clock.now(), { totalBytes: host.total, availableBytes: host.available }, bounds);
    const since = reading.at.getTime() - KEPT_MS;
    this.readings = [...this.readings.filter(({ at }) => at.getTime() > since && at <= reading.at), reading];
    return { reading, pressure: pressureOf(reading, this.bounds), trend: trendOf(this.readings) };
  }
}
