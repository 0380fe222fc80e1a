import { Inject, Injectable } from '@nestjs/common';
import { isPurserError } from '@purser/contracts';
import { CONFIG } from '@purser/service';
import type { Config } from '../config.js';
import { AgentsRepository } from '../agents/agents.repository.js';
import { Endpoints } from '../endpoints/endpoints.service.js';
import { LocalComponents } from './local-components.js';
import type { MoveRow, MoveStep } from './move-row.js';
import { MovesRepository } from './moves.repository.js';
import { isOver, VM_LIFE, type VmLife, type VmSeen } from './vm-life.js';

/** What a component needs beside what it is known to use. */
export const STANDARD_MEMORY_MB = 1_024;

/** An agent that has not been heard for so long, and for so many of its beats, may not be there any more. */
const LEAST_SILENCE_MS = 5_000;
const BEATS_MISSED = 3;

/** What a step has come to: the next one, undefined to look again later, or why the move is undone. */
export type Outcome = MoveStep | undefined | { undo: string };

/** To a VM: start there, healthy there, route there, stop here. Each step may be done again, whoever did it before. */
@Injectable()
export class OutSteps {
  constructor(
    private readonly moves: MovesRepository,
    private readonly agents: AgentsRepository,
    private readonly endpoints: Endpoints,
    private readonly locals: LocalComponents,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(VM_LIFE) private readonly vms: VmLife,
  ) {}

  async advance(move: MoveRow): Promise<Outcome> {
    if (move.vm_id === null) return this.request(move);
    const vm = await vmOf(this.vms, move.vm_id);
    if (!vm || isOver(vm)) return { undo: `its VM is gone: ${vm?.reason ?? 'nobody knows of it'}` };
    switch (move.step) {
      case 'starting':
        return vm.state === 'ready' ? 'healthy' : undefined;
      case 'healthy':
        return this.route(move, move.vm_id);
      case 'routed':
        return (await this.leave(move, move.vm_id)) ? 'stopping' : undefined;
      case 'stopping':
        if (!(await this.leave(move, move.vm_id))) return undefined;
        await this.locals.stop(move.definition);
        return 'done';
      default:
        return undefined;
    }
  }

  /**
   * It is at home again, as if nothing had been. Whoever stood still meanwhile may come to this long after another one has
   * done so, and has moved the component anew: what later moves have done stays.
   */
  async undo(move: MoveRow, reason: string): Promise<void> {
    const home = await this.endpoints.returned(move.component, move.vm_id);
    if (home && move.step === 'stopping') await this.locals.start(move.definition);
    await this.removeLeft(move, reason);
  }

  /** Whether it has a VM that it may be served from. */
  async hasVm({ vm_id: vmId }: MoveRow): Promise<boolean> {
    const vm = vmId === null ? undefined : await vmOf(this.vms, vmId);
    return vm !== undefined && !isOver(vm);
  }

  /** One that was requested and not written down before a crash serves nobody. */
  private async request(move: MoveRow): Promise<Outcome> {
    const { component, machine_type, spot, memory_mb, definition } = move;
    await this.removeLeft(move, `left by a move of ${component} that was cut short`);
    try {
      const vm = await this.vms.request({
        component,
        machineType: machine_type ?? '',
        spot: spot ?? false,
        memoryMb: Math.ceil(Math.max(definition.memoryMb ?? 0, memory_mb ?? 0)) || STANDARD_MEMORY_MB,
        diskGb: definition.diskGb,
        startup: {
          component: { image: definition.image ?? '', command: definition.command, env: definition.env },
          agent: { image: this.config.PURSER_VM_AGENT_IMAGE, env: {} },
        },
      });
      // Whoever has taken the move over makes one of its own.
      if (!(await this.moves.setVm(move, vm.id)))
        await removeVm(this.vms, vm.id, `requested by a move of ${component} that has another one`);
      return undefined;
    } catch (error) {
      if (!isPurserError(error)) throw error;
      return { undo: error.message };
    }
  }

  /** What no move has that goes on, or is done. */
  private async removeLeft(move: MoveRow, reason: string): Promise<void> {
    const left = (await this.vms.list({ component: move.component })).filter((vm) => !isOver(vm));
    // After the list: a VM has a move soon after it was requested.
    const taken = await this.moves.findVms(move);
    for (const { id } of left) if (id === move.vm_id || !taken.includes(id)) await this.vms.remove(id, reason);
  }

  private async route(move: MoveRow, vmId: string): Promise<Outcome> {
    await this.agents.wish(vmId, move.component, 'serve');
    if (!(await this.serves(move, vmId))) return undefined;
    await this.endpoints.moved(move.component, vmId, true);
    return 'routed';
  }

  /**
   * The place at home answers what it has, on every manager, and takes no more: once the VM was heard since requests go
   * there, and for as long as it is. One that has fallen silent, or whose component is not well, is not the only place.
   */
  private async leave(move: MoveRow, vmId: string): Promise<boolean> {
    const serves = await this.serves(move, vmId);
    await this.endpoints.moved(move.component, vmId, !serves);
    return serves && !(await this.endpoints.isServedLocally(move.component));
  }

  private serves(move: MoveRow, vmId: string): Promise<boolean> {
    const mostSilentMs = Math.max(LEAST_SILENCE_MS, BEATS_MISSED * this.config.PURSER_VM_HEARTBEAT_MS);
    // Home is left already: to wait for one more beat would have it take requests again, at every move.
    const since = move.step === 'stopping' ? null : move.step_at;
    return this.agents.servesSince(vmId, since, mostSilentMs);
  }
}

export async function vmOf(vms: VmLife, id: string): Promise<VmSeen | undefined> {
  try {
    return await vms.get(id);
  } catch (error) {
    if (isPurserError(error) && error.code === 'not_found') return undefined;
    throw error;
  }
}

export async function removeVm(vms: VmLife, id: string, reason: string): Promise<void> {
  const vm = await vmOf(vms, id);
  if (vm && !isOver(vm)) await vms.remove(id, reason);
}
