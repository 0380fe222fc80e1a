import { Inject, Injectable } from '@nestjs/common';
import { PurserError, type ReplyOf, type RequestOf, sessionComponent, type Vm } from '@purser/contracts';
import type { vmsKeep, vmsLeave, vmsPlace } from '@purser/contracts';
import { Clock, CONFIG } from '@purser/service';
import type { Config } from '../config.js';
import { chooseMachine, type Machine } from '../deciding/machine-choice.js';
import { MARKET, type VmMarket } from '../deciding/ports.js';
import { VmsService } from '../vms/vms.service.js';
import { SessionVmsRepository } from './session-vms.repository.js';
import { sessionStartup } from './session-startup.js';

/** For the images and what the program writes. */
const DISK_GB = 20;

/** VMs for sessions of tasks: each has one, which goes with it, or with its runner. */
@Injectable()
export class SessionVms {
  constructor(
    private readonly rows: SessionVmsRepository,
    private readonly vms: VmsService,
    private readonly clock: Clock,
    @Inject(MARKET) private readonly market: VmMarket,
    @Inject(CONFIG)
    private readonly config: Pick<Config, 'PURSER_VM_AGENT_IMAGE' | 'ENABLE_COST_OPTIMIZATION' | 'GCP_VM_TYPE'>,
  ) {}

  /** Throws where none can be had: `conflict` where somebody has to change something first, `budget_…` for want of money. */
  async place(wish: RequestOf<typeof vmsPlace>): Promise<Vm> {
    const { session, task, ancestors, project, forMs, memoryMb, image } = wish;
    const known = await this.rows.vmOf(session);
    if (known !== undefined) return this.vms.get(known);
    const { provider, why } = await this.market.compute();
    if (provider === null) throw new PurserError('conflict', { message: `no session can be placed on a VM: ${why}` });
    const machine = await this.machineFor(memoryMb);
    return this.vms.request({
      component: sessionComponent(session),
      machineType: machine.machineType,
      spot: machine.spot,
      memoryMb,
      diskGb: DISK_GB,
      startup: sessionStartup(image, this.config.PURSER_VM_AGENT_IMAGE),
      session: { id: session, task, ancestors, project, keptUntil: this.after(forMs) },
    });
  }

  async keep({ session, vm, forMs }: RequestOf<typeof vmsKeep>): Promise<ReplyOf<typeof vmsKeep>> {
    if (!(await this.rows.keep(session, vm, this.after(forMs))))
      throw new PurserError('not_found', { message: `session ${session} has no VM "${vm}"` });
    const { state, reason } = await this.vms.get(vm);
    return { state, reason };
  }

  async leave({ session, reason }: RequestOf<typeof vmsLeave>): Promise<ReplyOf<typeof vmsLeave>> {
    const vm = await this.rows.vmOf(session);
    if (vm === undefined) return { state: null };
    return { state: (await this.vms.remove(vm, reason)).state };
  }

  private after(ms: number): Date {
    return new Date(this.clock.now().getTime() + ms);
  }

  private async machineFor(neededMb: number): Promise<Machine> {
    const { offers, affordable, hindrance, preemptions } = await this.market.look(this.clock.now());
    if (hindrance !== undefined) throw new PurserError('unavailable', { message: `no VM can be made: ${hindrance}` });
    const { ENABLE_COST_OPTIMIZATION: optimiseCost, GCP_VM_TYPE: standardType } = this.config;
    const machine = chooseMachine(offers, { neededMb, affordable, preemptions, optimiseCost, standardType });
    if (machine === 'none_fits')
      throw new PurserError('conflict', { message: `no machine is large enough for a program with ${neededMb} MB` });
    if (machine === 'unaffordable')
      throw new PurserError('budget_exhausted', {
        message: `no budget covers a VM for a program with ${neededMb} MB to the end of its life`,
      });
    return machine;
  }
}
