import { Injectable } from '@nestjs/common';
import type { Latch as LatchState } from '@purser/contracts';
import type { ComputeDriver } from '@purser/plugin-sdk';
import { Clock, EmergencyStop, Log } from '@purser/service';
import { Strays } from '../reaping/strays.service.js';
import { ActiveDriver } from '../vms/active-driver.js';
import { PACE } from '../vms/pace.js';
import { Platform } from '../vms/platform.js';
import { VmRecords } from '../vms/vm-records.js';
import { VmsService } from '../vms/vms.service.js';

/** The watchdog waits 12 s for acknowledgements; what takes longer is named as alive, and deleted all the same. */
const ACKNOWLEDGE_MS = 10_000;

interface Found {
  provider: string;
  place: string;
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
    private readonly strays: Strays,
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
    const searches = await Promise.all(this.drivers.all().map((driver) => this.deleteAt(driver, why, until)));
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

  private async deleteAt(driver: ComputeDriver, why: string, until: number): Promise<string[]> {
    const { provider, place } = driver;
    try {
      const installation = await this.records.installation();
      const resources = await this.within(
        until,
        driver.list(installation, { signal: AbortSignal.timeout(PACE.callMs) }),
      );
      if (resources === LATE) return [`NOT known what runs at ${provider}: no list within the time`];
      // Beside the deletion, which waits for no database: what this one does not end is tried again.
      const written = this.strays
        .condemn(driver, resources, why)
        .catch((error: unknown) =>
          this.log.error({ error, provider }, 'emergency: what is there was not written down'),
        );
      const fates = await Promise.all(
        resources.map((resource) => this.fateOf({ provider, place, ...resource }, until)),
      );
      await this.within(until, written);
      return fates;
    } catch (error) {
      return [`NOT known what runs at ${provider}: ${(error as Error).message}`];
    }
  }

  private async fateOf({ provider, place, kind, name, zone }: Found, until: number): Promise<string> {
    const what = `${kind} ${name} (${provider} ${zone})`;
    const deleted = this.platform
      .delete({ provider, place }, { kind, name, zone })
      .then(() => this.platform.get({ provider, place }, { kind, name, zone }));
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
