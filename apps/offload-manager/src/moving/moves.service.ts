import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { type Move, PurserError } from '@purser/contracts';
import { CONFIG } from '@purser/service';
import type { Config } from '../config.js';
import { PlacesRepository } from '../endpoints/places.repository.js';
import { known, MOVABLES, type Movables } from './movables.js';
import { moveOf } from './move-row.js';
import { MovesRepository, type NewMove } from './moves.repository.js';

export interface VmChoice {
  machineType: string;
  spot: boolean;
  /** What the component takes here, as far as anybody knows. */
  memoryMb?: number | undefined;
}

/** Begins moves. What is written down goes on by itself, through any crash, to its end or back. */
@Injectable()
export class Moves {
  constructor(
    private readonly repository: MovesRepository,
    private readonly places: PlacesRepository,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(MOVABLES) private readonly components: Movables,
  ) {}

  /** `byHand`: somebody asked for it, so that what refuses it holds back nothing that is decided. */
  async toVm(component: string, choice: VmChoice, reason = 'asked for', byHand = false): Promise<Move> {
    this.requireOn();
    const definition = known(this.components, component);
    const stays = this.components.whyItStays(component);
    if (stays !== undefined) throw new PurserError('conflict', { message: `${component} cannot move: ${stays}` });
    await this.places.ensure([component]);
    const place = await this.places.find(component);
    if (place?.vm_id != null) throw new PurserError('conflict', { message: `${component} is on VM ${place.vm_id}` });
    const { machineType: machine_type, spot, memoryMb } = choice;
    const memory_mb = memoryMb || null;
    return this.begin({
      component,
      direction: 'to_vm',
      machine_type,
      spot,
      memory_mb,
      vm_id: null,
      definition,
      reason,
      by_hand: byHand,
    });
  }

  async bringHome(component: string, reason: string): Promise<Move> {
    this.requireNotDry();
    const place = await this.places.find(component);
    if (!place) known(this.components, component);
    if (place?.vm_id == null) throw new PurserError('conflict', { message: `${component} is at home` });
    const definition =
      this.components.get(component) ?? (await this.repository.lastOut(component, place.vm_id))?.definition;
    if (!definition) throw new PurserError('not_found', { message: `nobody knows how ${component} runs at home` });
    const none = { machine_type: null, spot: null, memory_mb: null, by_hand: false };
    return this.begin({ component, direction: 'home', ...none, vm_id: place.vm_id, definition, reason });
  }

  async list(limit = 100): Promise<Move[]> {
    return (await this.repository.list(limit)).map(moveOf);
  }

  private async begin(move: Omit<NewMove, 'id'>): Promise<Move> {
    // Whatever else moves, what has to come home is not held back.
    const most = move.direction === 'home' ? 1_000_000 : this.config.MAX_CONCURRENT_MIGRATIONS;
    const row = await this.repository.insert({ id: randomUUID(), ...move }, most);
    if (row) return moveOf(row);
    throw new PurserError('conflict', {
      message: (await this.repository.isMoving(move.component))
        ? `${move.component} is moving already`
        : `no more than ${most} components may move at once (MAX_CONCURRENT_MIGRATIONS)`,
    });
  }

  private requireOn(): void {
    if (!this.config.HYBRID_ORCHESTRATION_ENABLED)
      throw new PurserError('conflict', { message: 'nothing is moved: HYBRID_ORCHESTRATION_ENABLED is false' });
    this.requireNotDry();
  }

  private requireNotDry(): void {
    if (this.config.HYBRID_ORCHESTRATION_DRY_RUN)
      throw new PurserError('conflict', { message: 'nothing is moved: HYBRID_ORCHESTRATION_DRY_RUN is true' });
  }
}
