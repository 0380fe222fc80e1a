import { Inject, Injectable } from '@nestjs/common';
import { AgentsRepository } from '../agents/agents.repository.js';
import { Endpoints } from '../endpoints/endpoints.service.js';
import { LocalComponents } from './local-components.js';
import type { MoveRow } from './move-row.js';
import { type Outcome, removeVm, vmOf } from './out-steps.service.js';
import { isOver, VM_LIFE, type VmLife } from './vm-life.js';

/** An agent that was not heard for so long has nothing left that it could answer. */
const SILENT_SECONDS = 30;

/** Home again: start here, healthy here, route here, stop there. Its VM may be gone already. */
@Injectable()
export class HomeSteps {
  constructor(
    private readonly agents: AgentsRepository,
    private readonly endpoints: Endpoints,
    private readonly locals: LocalComponents,
    @Inject(VM_LIFE) private readonly vms: VmLife,
  ) {}

  async advance(move: MoveRow): Promise<Outcome> {
    const { component, definition, vm_id: vmId } = move;
    switch (move.step) {
      case 'starting':
        await this.locals.start(definition);
        return (await this.locals.isHealthy(definition)) ? 'healthy' : undefined;
      case 'healthy':
        await this.endpoints.moved(component, vmId, true);
        return (await this.endpoints.isOpenLocally(component)) ? 'routed' : undefined;
      case 'routed':
        await this.endpoints.moved(component, null, true);
        return (await this.hasAnsweredAll(component, vmId)) ? 'stopping' : undefined;
      case 'stopping':
        if (vmId !== null) await removeVm(this.vms, vmId, move.reason);
        return 'done';
      default:
        return undefined;
    }
  }

  /** It stays where it is. What was started here is stopped again, soon if by another manager, unless nothing else is left. */
  async undo({ component, definition, vm_id: vmId }: MoveRow): Promise<void> {
    const vm = vmId === null ? undefined : await vmOf(this.vms, vmId);
    if (!vm || isOver(vm)) return;
    await this.endpoints.moved(component, vmId, false);
    if (!(await this.endpoints.isServedLocally(component))) await this.locals.unwant(definition);
  }

  private async hasAnsweredAll(component: string, vmId: string | null): Promise<boolean> {
    if (vmId === null) return true;
    await this.agents.wish(vmId, component, 'wait');
    const vm = await vmOf(this.vms, vmId);
    const agent = await this.agents.find(vmId);
    if (!vm || isOver(vm) || !agent?.heard_at) return true;
    const { heard_at, wished_at, serving, in_flight, silent_seconds } = agent;
    if (silent_seconds !== null && silent_seconds > SILENT_SECONDS) return true;
    return heard_at > wished_at && !serving && in_flight === 0;
  }
}
