import { Inject, Injectable } from '@nestjs/common';
import { PurserError } from '@purser/contracts';
import { Clock, CONFIG } from '@purser/service';
import type { Config } from '../config.js';
import { chooseMachine, machineMb } from '../deciding/machine-choice.js';
import { MARKET, type VmMarket } from '../deciding/ports.js';
import { Profiler } from '../profiles/profiler.service.js';
import { known, MOVABLES, type Movables } from './movables.js';
import type { VmChoice } from './moves.service.js';
import { STANDARD_MEMORY_MB } from './out-steps.service.js';

/** Which machine a component needs, by the same rules as when it is decided to move it. */
@Injectable()
export class Machines {
  constructor(
    @Inject(MARKET) private readonly market: VmMarket,
    @Inject(Profiler) private readonly profiler: Pick<Profiler, 'of'>,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: Pick<Config, 'ENABLE_COST_OPTIMIZATION' | 'GCP_VM_TYPE'>,
    @Inject(MOVABLES) private readonly components: Movables,
  ) {}

  /** The cheapest that holds it, or the one that is wanted. @throws PurserError where that is too small, or there is none */
  async choose(name: string, spot: boolean, wanted: string | undefined): Promise<VmChoice> {
    const component = known(this.components, name);
    const { offers, affordable, hindrance, preemptions } = await this.market.look(this.clock.now());
    // Of what cannot be looked up now nothing is known; whether it can be had is told by the request for the VM.
    if (hindrance !== undefined && wanted !== undefined) return { machineType: wanted, spot };
    if (hindrance !== undefined) throw new PurserError('unavailable', { message: `no VM can be made: ${hindrance}` });
    const seenMb = this.profiler.of(name)?.memoryMb ?? 0;
    const neededMb = Math.max(component.memoryMb ?? 0, seenMb) || STANDARD_MEMORY_MB;
    const memoryMb = seenMb || component.memoryMb;
    if (wanted !== undefined) {
      const offer = offers.find(({ machineType }) => machineType === wanted);
      if (!offer) throw new PurserError('conflict', { message: `there is no machine type "${wanted}"` });
      if (offer.memoryMb < machineMb(neededMb))
        throw new PurserError('conflict', {
          message: `${wanted} has ${offer.memoryMb} MB, and ${name} needs a machine with ${machineMb(neededMb)}`,
        });
      return { machineType: wanted, spot, memoryMb };
    }
    const rules = { optimiseCost: this.config.ENABLE_COST_OPTIMIZATION, standardType: this.config.GCP_VM_TYPE };
    const machine = chooseMachine(offers, { ...rules, neededMb, affordable, preemptions, spot });
    if (machine === 'none_fits')
      throw new PurserError('unavailable', {
        message: `there is no machine with the ${machineMb(neededMb)} MB that ${name} needs`,
      });
    if (machine === 'unaffordable')
      throw new PurserError('budget_exhausted', {
        message: `no budget covers a machine that holds ${name} to the end of its life`,
      });
    return { machineType: machine.machineType, spot, memoryMb };
  }
}
