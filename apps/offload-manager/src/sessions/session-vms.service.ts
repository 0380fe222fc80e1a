import { Inject, Injectable } from '@nestjs/common';
import { PurserError, type ReplyOf, type RequestOf, sessionComponent, type Vm } from '@purser/contracts';
import type { vmsKeep, vmsLeave, vmsPlace } from '@purser/contracts';
import { violatedConstraint } from '@purser/database';
import { allowsImage } from '@purser/docker-gate';
import { Clock, CONFIG } from '@purser/service';
import type { Config } from '../config.js';
import { chooseMachine, type Machine } from '../deciding/machine-choice.js';
import { MARKET, type VmMarket } from '../deciding/ports.js';
import { VmsService } from '../vms/vms.service.js';
import { SessionVmsRepository } from './session-vms.repository.js';
import { sessionStartup } from './session-startup.js';

/** The index by which a session has one VM. */
const ONE_OF_SESSION = 'vms_by_session';
/** For the images and what the program writes. */
const DISK_GB = 20;

type Settings = Pick<
  Config,
  | 'PURSER_SESSION_VMS'
  | 'PURSER_SESSION_VM_IMAGES'
  | 'PURSER_VM_AGENT_IMAGE'
  | 'ENABLE_COST_OPTIMIZATION'
  | 'GCP_VM_TYPE'
>;

/** VMs for sessions of tasks: each has one, which goes with it, or with its runner. */
@Injectable()
export class SessionVms {
  constructor(
    private readonly rows: SessionVmsRepository,
    private readonly vms: VmsService,
    private readonly clock: Clock,
    @Inject(MARKET) private readonly market: VmMarket,
    @Inject(CONFIG)
    private readonly config: Settings,
  ) {}

  /** Throws where none can be had: `conflict` where somebody has to change something first, `budget_…` for want of money. */
  async place(wish: RequestOf<typeof vmsPlace>): Promise<Vm> {
    const { session, task, ancestors, project, forMs, memoryMb, image } = wish;
    const known = await this.known(session, forMs);
    if (known) return known;
    this.refuseForbidden(image);
    const { provider, why } = await this.market.compute();
    if (provider === null) throw new PurserError('conflict', { message: `no session can be placed on a VM: ${why}` });
    const machine = await this.machineFor(memoryMb);
    const asked = this.vms.request({
      component: sessionComponent(session),
      machineType: machine.machineType,
      spot: machine.spot,
      memoryMb,
      diskGb: DISK_GB,
      startup: sessionStartup(image, this.config.PURSER_VM_AGENT_IMAGE),
      session: { id: session, task, ancestors, project, forMs },
    });
    try {
      return await asked;
    } catch (error) {
      // Asked for twice at once: it has the one of the two that came first.
      const first = violatedConstraint(error) === ONE_OF_SESSION ? await this.known(session, forMs) : undefined;
      if (first) return first;
      throw error;
    }
  }

  async keep({ session, vm, forMs }: RequestOf<typeof vmsKeep>): Promise<ReplyOf<typeof vmsKeep>> {
    if (!(await this.rows.keep(session, vm, this.after(forMs))))
      throw new PurserError('not_found', { message: `session ${session} has no VM "${vm}"` });
    const { state, reason, createdAt } = await this.vms.get(vm);
    return { state, reason, made: createdAt !== null };
  }

  async leave({ session, reason }: RequestOf<typeof vmsLeave>): Promise<ReplyOf<typeof vmsLeave>> {
    const vm = await this.rows.vmOf(session);
    if (vm === undefined) return { state: null };
    const { state } = await this.vms.remove(vm, reason);
    await this.rows.leave(vm);
    return { state };
  }

  /** Its VM; none where that came to nothing before there was any, as for want of money, and may be asked for again. */
  private async known(session: string, forMs: number): Promise<Vm | undefined> {
    const id = await this.rows.vmOf(session);
    if (id === undefined) return undefined;
    const vm = await this.vms.get(id);
    if (vm.state === 'gone' && vm.createdAt === null && (await this.rows.free(id))) return undefined;
    await this.rows.keep(session, id, this.after(forMs));
    return vm;
  }

  private refuseForbidden(image: string | undefined): void {
    const { PURSER_SESSION_VMS: isOn, PURSER_SESSION_VM_IMAGES: images = [] } = this.config;
    const no = (why: string) => new PurserError('conflict', { message: `no session is placed on a VM: ${why}` });
    if (!isOn) throw no('PURSER_SESSION_VMS is false; set it to true for the offload-manager to allow it');
    if (image !== undefined && !allowsImage(image, images))
      throw no(`images begin with ${images.join(' or ')} (PURSER_SESSION_VM_IMAGES), which ${image} does not`);
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
