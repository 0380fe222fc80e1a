import { Injectable } from '@nestjs/common';
import type { Latch as LatchState } from '@purser/contracts';
import { Clock, EmergencyStop, Log } from '@purser/service';
import { ActiveDriver } from '../vms/active-driver.js';
import { PACE } from '../vms/pace.js';
import { Platform } from '../vms/platform.js';
import { VmRecords } from '../vms/vm-records.js';
import { VmsService } from '../vms/vms.service.js';

/** The watchdog waits 12 s for acknowledgements; what takes longer is named as alive, and deleted all the same. */
const ACKNOWLEDGE_MS = 10_000;

interface Found {
  provider: string;
  kind: 'vm' | 'disk' | 'address';
  name: string;
  zone: string;
}

/** In an emergency everything goes that carries this installation's label, whatever the records say. */
@Injectable()
export class EmergencyService {
  constructor(
    stop: EmergencyStop,
    private readonly vms: VmsService,
    private readonly records: VmRecords,
    private readonly drivers: ActiveDriver,
    private readonly platform: Platform,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {
    stop.register((latch) => this.deleteAll(latch));
  }

  /** One line for each, as the report has it. */
  private async deleteAll({ reason, by }: LatchState): Promise<string[]> {
    const until = this.clock.monotonic() + ACKNOWLEDGE_MS;
    const why = `emergency: ${reason} (by ${by})`;
    // Records first: what is being created at this moment is found no longer wanted when it is there.
    const unwritten = await this.giveUp(why);
    const searches = await Promise.all(this.drivers.all().map(({ provider }) => this.deleteAt(provider, until)));
    const records = (await this.records.open().catch(() => [])).filter(({ state }) => state !== 'gone');
    const told = searches.flat();
    const missing = records.filter(({ name }) => !told.some((line) => line.includes(name)));
    return [
      ...unwritten,
      ...told,
      ...missing.map(({ name, provider, zone }) => `NOT seen to be gone: vm ${name} (${provider} ${zone ?? '-'})`),
    ];
  }

  private async giveUp(why: string): Promise<string[]> {
    try {
      const rows = (await this.records.open()).filter(({ state }) => state !== 'gone');
      await Promise.all(rows.map(({ id }) => this.vms.remove(id, why)));
      return [];
    } catch (error) {
      this.log.error({ error }, 'emergency: the records of VMs could not be changed; deleting what platforms have');
      return [`the records of VMs could not be read: ${(error as Error).message}`];
    }
  }

  private async deleteAt(provider: string, until: number): Promise<string[]> {
    const driver = this.platform.driverOf(provider);
    try {
      const installation = await this.records.installation();
      const resources = await this.within(
        until,
        driver.list(installation, { signal: AbortSignal.timeout(PACE.callMs) }),
      );
      if (resources === LATE) return [`NOT known what runs at ${provider}: no list within the time`];
      return await Promise.all(resources.map((resource) => this.fateOf({ provider, ...resource }, until)));
    } catch (error) {
      return [`NOT known what runs at ${provider}: ${(error as Error).message}`];
    }
  }

  private async fateOf({ provider, kind, name, zone }: Found, until: number): Promise<string> {
    const what = `${kind} ${name} (${provider} ${zone})`;
    const deleted = this.platform
      .delete(provider, { kind, name, zone })
      .then(() => this.platform.get(provider, { kind, name, zone }));
    try {
      const left = await this.within(until, deleted);
      if (left === LATE) return `NOT deleted yet: ${what}`;
      return left === undefined ? what : `NOT deleted: ${what} is ${left.state}`;
    } catch (error) {
      return `NOT deleted: ${what}: ${(error as Error).message}`;
    }
  }

  private async within<T>(until: number, work: Promise<T>): Promise<T | typeof LATE> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<typeof LATE>((resolve) => {
      timer = setTimeout(() => resolve(LATE), Math.max(0, until - this.clock.monotonic()));
    });
    work.catch(() => undefined);
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

const LATE = Symbol('late');
