import { Injectable } from '@nestjs/common';
import { Moves } from '../moving/moves.service.js';
import type { Mover } from './ports.js';
import type { PlannedMove } from './situation.js';

/** What is decided becomes a move that goes on by itself. */
@Injectable()
export class DecidedMoves implements Mover {
  constructor(private readonly moves: Moves) {}

  async begin({ component, machine, reason, memoryMb }: PlannedMove): Promise<void> {
    if (machine)
      await this.moves.toVm(component, { machineType: machine.machineType, spot: machine.spot, memoryMb }, reason);
    else await this.moves.bringHome(component, reason);
  }
}
