import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { type AgentOrder, isPurserError, type VmHeartbeat } from '@purser/contracts';
import { Clock, CONFIG, Log, Repeating } from '@purser/service';
import type { Config } from '../config.js';
import { type Traffic, TrafficRepository } from '../money/traffic.repository.js';
import { isOver, VM_LIFE, type VmLife, type VmSeen } from '../moving/vm-life.js';
import { AgentsRepository } from './agents.repository.js';

/** The rest is for what is under way. */
const DRAINED_AT_PERCENT = 80n;
const HOUR_MS = 3_600_000;
/** An agent that is silent for minutes ends its VM. */
const KEPT_HOURS = 24;

/** What the agents of VMs tell, and what they are told. */
@Injectable()
export class AgentsService implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly forgetting: Repeating;

  constructor(
    private readonly repository: AgentsRepository,
    private readonly traffic: TrafficRepository,
    private readonly clock: Clock,
    @Inject(VM_LIFE) private readonly vms: VmLife,
    @Inject(CONFIG) private readonly config: Pick<Config, 'PURSER_OFFLOAD_UNHEALTHY_SECONDS'>,
    log: Log,
  ) {
    const forget = () => repository.forgetUnheardFor(KEPT_HOURS);
    this.forgetting = new Repeating('forgetting agents of VMs that are over', HOUR_MS, forget, log);
  }

  onApplicationBootstrap(): void {
    this.forgetting.start();
  }

  onModuleDestroy(): Promise<void> {
    return this.forgetting.stop();
  }

  async hear(beat: VmHeartbeat): Promise<AgentOrder> {
    const vm = await this.known(beat);
    // One that nobody knows of has nobody else who would end it.
    if (!vm || vm.component !== beat.component) return 'end';
    // Also of one that is being deleted: it sends until it is gone.
    const traffic = beat.sent && (await this.traffic.note(beat.vm, beat.sent));
    if (isOver(vm)) return 'end';
    const { wish, preemption_at: preemption, unhealthySeconds } = await this.repository.hear(beat);
    // Until it is no longer ready: one attempt may fail, or come before it is.
    if (preemption && vm.state === 'ready') await this.vms.preempted(beat.vm, preemption);
    const most = this.config.PURSER_OFFLOAD_UNHEALTHY_SECONDS;
    // Its component comes home by that, as from every VM that is not ready any more.
    if (vm.state === 'ready' && unhealthySeconds >= most)
      await this.vms.drain(beat.vm, `${beat.component} has not been healthy on it for ${most} s`);
    return (await this.hasSentAll(vm, traffic)) ? 'end' : wish;
  }

  /** It is paid for so many bytes: its component comes home before they are used up, and what sends on all the same ends. */
  private async hasSentAll({ id, state }: VmSeen, traffic: Traffic | undefined): Promise<boolean> {
    if (!traffic || traffic.bound === null) return false;
    const { sent: all, bound } = traffic;
    const why = `it has sent ${all / 2n ** 20n} MB of the ${bound / 2n ** 20n} MB that are paid for (PURSER_VM_EGRESS_GB)`;
    if (all >= bound) await this.vms.remove(id, why);
    else if (state === 'ready' && all * 100n >= bound * DRAINED_AT_PERCENT) await this.vms.drain(id, why);
    return all >= bound;
  }

  private async known({ vm, healthy }: VmHeartbeat): Promise<VmSeen | undefined> {
    try {
      return await this.vms.agentHeard(vm, this.clock.now(), healthy);
    } catch (error) {
      if (isPurserError(error) && error.code === 'not_found') return undefined;
      throw error;
    }
  }
}
