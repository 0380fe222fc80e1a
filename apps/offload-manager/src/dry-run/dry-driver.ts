import { ComputeFailed, type ComputeDriver } from '@purser/plugin-sdk';
import type { Log } from '@purser/service';

/** Looks like the driver does, and changes nothing: whatever asks for a change is told in the log what would be done. */
export function dryDriver(driver: ComputeDriver, log: Log): ComputeDriver {
  const refuse = (what: string, of: object): Promise<never> => {
    log.info({ provider: driver.provider, ...of }, `dry run: would ${what}`);
    return Promise.reject(
      new ComputeFailed('refused', `HYBRID_ORCHESTRATION_DRY_RUN is on: nothing was done (would ${what})`),
    );
  };
  return {
    provider: driver.provider,
    place: driver.place,
    sameMachine: driver.sameMachine,
    check: (options) => driver.check(options),
    zones: (options) => driver.zones(options),
    machineTypes: (zone, options) => driver.machineTypes(zone, options),
    list: (installation, options) => driver.list(installation, options),
    get: (resource, options) => driver.get(resource, options),
    create: ({ name, zone, machineType, spot }) => refuse('create a VM', { name, zone, machineType, spot }),
    delete: ({ kind, name, zone }) => refuse(`delete a ${kind}`, { name, zone }),
  };
}
