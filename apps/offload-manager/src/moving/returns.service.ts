import { Inject, Injectable } from '@nestjs/common';
import { isPurserError } from '@purser/contracts';
import { PlacesRepository } from '../endpoints/places.repository.js';
import { LocalComponents } from './local-components.js';
import { MOVABLES, type Movables } from './movables.js';
import { Moves } from './moves.service.js';
import { vmOf } from './out-steps.service.js';
import { VM_LIFE, type VmLife, type VmSeen } from './vm-life.js';

/** Sees to it that every component has a place: what has lost its VM, or will, comes home, and what is at home runs. */
@Injectable()
export class Returns {
  constructor(
    private readonly places: PlacesRepository,
    private readonly moves: Moves,
    private readonly locals: LocalComponents,
    @Inject(VM_LIFE) private readonly vms: VmLife,
    @Inject(MOVABLES) private readonly components: Movables,
  ) {}

  async look(): Promise<void> {
    await this.locals.follow();
    for (const { component, vm_id: vmId } of await this.places.settled()) {
      if (vmId === null) await this.keepRunning(component);
      else await this.keepServed(component, vmId);
    }
  }

  private async keepServed(component: string, vmId: string): Promise<void> {
    const vm = await vmOf(this.vms, vmId);
    if (vm?.state === 'ready') return;
    try {
      await this.moves.bringHome(component, whyHome(vm));
    } catch (error) {
      // Somebody else was faster.
      if (!isPurserError(error) || error.code !== 'conflict') throw error;
    }
  }

  /** A program that is to run as a child of this process, and does not run after a restart. */
  private async keepRunning(component: string): Promise<void> {
    const found = this.components.get(component);
    if (found?.local?.command === undefined || (await this.locals.isHealthy(found))) return;
    // What is known of places may be a moment old, and one that has just begun to move is stopped on purpose.
    if (!(await this.places.staysHome(component))) return;
    await this.locals.start(found);
  }
}

const whyHome = (vm: VmSeen | undefined): string =>
  vm === undefined ? 'its VM is gone' : `its VM is ${vm.state}: ${vm.reason}`;
