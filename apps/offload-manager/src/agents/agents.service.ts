import { Inject, Injectable } from '@nestjs/common';
import { type AgentOrder, isPurserError, type VmHeartbeat } from '@purser/contracts';
import { Clock } from '@purser/service';
import { isOver, VM_LIFE, type VmLife, type VmSeen } from '../moving/vm-life.js';
import { AgentsRepository } from './agents.repository.js';

/** What the agents of VMs tell, and what they are told. */
@Injectable()
export class AgentsService {
  constructor(
    private readonly repository: AgentsRepository,
    private readonly clock: Clock,
    @Inject(VM_LIFE) private readonly vms: VmLife,
  ) {}

  async hear(beat: VmHeartbeat): Promise<AgentOrder> {
    const vm = await this.known(beat);
    // One that nobody knows of has nobody else who would end it.
    if (!vm || isOver(vm) || vm.component !== beat.component) return 'end';
    const { wish, preemption_at: preemption } = await this.repository.hear(beat);
    // Until it is no longer ready: one attempt may fail, or come before it is.
    if (preemption && vm.state === 'ready') await this.vms.preempted(beat.vm, preemption);
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
