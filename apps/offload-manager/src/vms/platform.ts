import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { ComputeDriver, ComputeFailed, ComputeResource } from '@purser/plugin-sdk';
import { ActiveDriver } from './active-driver.js';
import { PACE } from './pace.js';
import type { VmRow } from './vm-row.js';

export class PlatformUnknown extends Error {}

/** At which provider, and in which project or on which host of it. */
export type Where = Pick<VmRow, 'provider' | 'place'>;
type Named = Pick<ComputeResource, 'kind' | 'name' | 'zone'>;

/** What was certainly not done; undefined when it is not known whether it was. */
export const failureOf = (error: unknown): ComputeFailed | undefined =>
  error instanceof Error && error.name === 'ComputeFailed' ? (error as ComputeFailed) : undefined;

/** The platforms by the names that rows have for them, each call within its time. */
@Injectable()
export class Platform implements OnModuleDestroy {
  private readonly stopping = new AbortController();

  constructor(private readonly drivers: ActiveDriver) {}

  /** Throws where there is none that sees what is in this place. */
  driverOf({ provider, place }: Where): ComputeDriver {
    const driver = this.drivers.of(provider);
    if (!driver)
      throw new PlatformUnknown(
        `there are VMs of ${provider}, and no driver of it is configured any more: configure it again until they are gone`,
      );
    if (place !== null && driver.place !== place)
      throw new PlatformUnknown(
        `there are VMs of ${provider} in ${place}, and ${driver.place} is configured: nobody knows whether they run. ` +
          `Configure ${place} again until they are gone`,
      );
    return driver;
  }

  /** As the platform has it now. */
  look(row: VmRow, signal?: AbortSignal): Promise<ComputeResource | undefined> {
    return row.zone === null ? Promise.resolve(undefined) : this.get(row, vmAt(row, row.zone), signal);
  }

  /** Never "there is none" by a driver that could not see it. */
  async get(where: Where, resource: Named, signal?: AbortSignal): Promise<ComputeResource | undefined> {
    return await this.driverOf(where).get(resource, { signal: this.within(signal) });
  }

  async delete(where: Where, { kind, name, zone }: Named, signal?: AbortSignal): Promise<void> {
    await this.driverOf(where).delete({ kind, name, zone }, { signal: this.within(signal) });
  }

  /** A service that stops waits for no platform. */
  onModuleDestroy(): void {
    this.stopping.abort();
  }

  private within(signal?: AbortSignal): AbortSignal {
    return AbortSignal.any([this.stopping.signal, AbortSignal.timeout(PACE.callMs), ...(signal ? [signal] : [])]);
  }
}

export const vmAt = ({ name }: Pick<VmRow, 'name'>, zone: string): Named => ({ kind: 'vm', name, zone });
