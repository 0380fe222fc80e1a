import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { type AgentOrder, isPurserError, type VmHeartbeat } from '@purser/contracts';
import { Clock, CONFIG, Log, Repeating } from '@purser/service';
import type { Config } from '../config.js';
import { isOver, VM_LIFE, type VmLife, type VmSeen } from '../moving/vm-life.js';
import { AgentsRepository } from './agents.repository.js';

const HOUR_MS = 3_600_000;
/** An agent that is silent for minutes ends its VM. */
const KEPT_HOURS = 24;

/** What the agents of VMs tell, and what they are told. */
@Injectable()
export class AgentsService implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly forgetting: Repeating;

  constructor(
    private readonly repository: AgentsRepository,
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
    if (!vm || isOver(vm) || vm.component !== beat.component) return 'end';
    const { wish, preemption_at: preemption, unhealthySeconds } = await this.repository.hear(beat);
    // Until it is no longer ready: one attempt may fail, or come before it is.
    if (preemption && vm.state === 'ready') await this.vms.preempted(beat.vm, preemption);
    const most = this.config.PURSER_OFFLOAD_UNHEALTHY_SECONDS;
    // Its component comes home by that, as from every VM that is not ready any more.
    if (vm.state === 'ready' && unhealthySeconds >= most)
      await this.vms.drain(beat.vm, `${beat.component} has not been healthy on it for ${most} s`);
    return wish;
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
