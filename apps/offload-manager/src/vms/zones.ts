import { Injectable } from '@nestjs/common';
import { Database } from '@purser/database';
import { Clock } from '@purser/service';
import { PACE } from './pace.js';
import { Platform } from './platform.js';
import type { VmRow } from './vm-row.js';
import { VmsRepository } from './vms.repository.js';

/** Which zone is to be asked next. One without room is remembered for a while, over restarts. */
@Injectable()
export class Zones {
  constructor(
    private readonly platform: Platform,
    private readonly vms: VmsRepository,
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  async markBad(row: VmRow, zone: string, reason: string): Promise<void> {
    const until = new Date(this.clock.now().getTime() + PACE.badZoneMs);
    await this.vms.markBad(this.database, row, { zone, reason, until });
  }

  /** Undefined, and why, where none is left. */
  async next(row: VmRow): Promise<{ zone: string | undefined; why: string }> {
    const driver = this.platform.driverOf(row);
    const zones = await driver.zones({ signal: AbortSignal.timeout(PACE.callMs) });
    const bad = await this.vms.badZones(this.database, row, this.clock.now());
    const zone = zones.find((one) => !bad.some((known) => known.zone === one));
    const why = bad.map((one) => `${one.zone}: ${one.reason}`).join('; ');
    return { zone, why: `no zone has room for ${row.machine_type}: ${why === '' ? 'none is known' : why}` };
  }
}
