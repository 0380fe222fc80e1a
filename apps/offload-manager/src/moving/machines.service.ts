import { Inject, Injectable } from '@nestjs/common';
import { PurserError } from '@purser/contracts';
import { VmRates } from '../money/vm-rates.js';
import { ActiveDriver } from '../vms/active-driver.js';
import { MOVABLES, type Movables } from './movables.js';
import { STANDARD_MEMORY_MB } from './out-steps.service.js';

const ASK_MS = 15_000;
/** Beside the component: the machine's own programs, and what it takes for a moment. */
const ROOM = 1.25;

/** Which machine a component needs. */
@Injectable()
export class Machines {
  constructor(
    private readonly drivers: ActiveDriver,
    @Inject(MOVABLES) private readonly components: Movables,
    private readonly rates: VmRates,
  ) {}

  async smallestFor(name: string): Promise<string> {
    const driver = this.drivers.get();
    if (!driver) throw new PurserError('unavailable', { message: this.drivers.why });
    const options = { signal: AbortSignal.timeout(ASK_MS) };
    const [zone] = await driver.zones(options);
    const types = zone === undefined ? [] : await driver.machineTypes(zone, options);
    const need = (this.components.get(name)?.memoryMb ?? STANDARD_MEMORY_MB) * ROOM;
    const [smallest] = types
      .filter(({ name: type, memoryMb }) => memoryMb >= need && this.rates.isPriced(driver.provider, type))
      .sort((a, b) => a.memoryMb - b.memoryMb);
    if (smallest) return smallest.name;
    throw new PurserError('unavailable', {
      message: `${driver.provider} has no machine whose price is known with the ${Math.ceil(need)} MB that ${name} needs`,
    });
  }
}
