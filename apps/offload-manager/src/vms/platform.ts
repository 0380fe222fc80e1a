import { Injectable } from '@nestjs/common';
import type { ComputeDriver, ComputeFailed, ComputeResource } from '@purser/plugin-sdk';
import { ActiveDriver } from './active-driver.js';
import { PACE } from './pace.js';
import type { VmRow } from './vm-row.js';

export class PlatformUnknown extends Error {}

type Named = Pick<ComputeResource, 'kind' | 'name' | 'zone'>;

/** What was certainly not done; undefined when it is not known whether it was. */
export const failureOf = (error: unknown): ComputeFailed | undefined =>
  error instanceof Error && error.name === 'ComputeFailed' ? (error as ComputeFailed) : undefined;

/** The platforms by the names that rows have for them, each call within its time. */
@Injectable()
export class Platform {
  constructor(private readonly drivers: ActiveDriver) {}

  driverOf(provider: string): ComputeDriver {
    const driver = this.drivers.of(provider);
    if (driver) return driver;
    throw new PlatformUnknown(
      `there are VMs of ${provider}, and no driver of it is configured any more: configure it again until they are gone`,
    );
  }

  /** As the platform has it now. */
  look(row: VmRow): Promise<ComputeResource | undefined> {
    return row.zone === null ? Promise.resolve(undefined) : this.get(row.provider, vmAt(row, row.zone));
  }

  get(provider: string, resource: Named): Promise<ComputeResource | undefined> {
    return this.driverOf(provider).get(resource, { signal: AbortSignal.timeout(PACE.callMs) });
  }

  delete(provider: string, { kind, name, zone }: Named): Promise<void> {
    return this.driverOf(provider).delete({ kind, name, zone }, { signal: AbortSignal.timeout(PACE.callMs) });
  }
}

export const vmAt = ({ name }: Pick<VmRow, 'name'>, zone: string): Named => ({ kind: 'vm', name, zone });
