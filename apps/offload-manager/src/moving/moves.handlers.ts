import { Controller } from '@nestjs/common';
import { Serve } from '@purser/bus';
import {
  componentsMoves,
  componentsOffload,
  componentsRecall,
  type Move,
  PurserError,
  type ReplyOf,
  type RequestOf,
} from '@purser/contracts';
import { ComputeFailed } from '@purser/plugin-sdk';
import { Machines } from './machines.service.js';
import { Moves } from './moves.service.js';

@Controller()
export class MovesHandlers {
  constructor(
    private readonly moves: Moves,
    private readonly machines: Machines,
  ) {}

  @Serve(componentsOffload)
  async offload({ name, machineType, spot, reason }: RequestOf<typeof componentsOffload>): Promise<Move> {
    return this.moves.toVm(name, { machineType: machineType ?? (await this.smallestFor(name)), spot }, reason);
  }

  @Serve(componentsRecall)
  recall({ name, reason }: RequestOf<typeof componentsRecall>): Promise<Move> {
    return this.moves.bringHome(name, reason);
  }

  @Serve(componentsMoves)
  async list({ limit }: RequestOf<typeof componentsMoves>): Promise<ReplyOf<typeof componentsMoves>> {
    return { moves: await this.moves.list(limit) };
  }

  /** Such as missing credentials: somebody's to mend, and no defect. */
  private async smallestFor(name: string): Promise<string> {
    try {
      return await this.machines.smallestFor(name);
    } catch (error) {
      if (!(error instanceof ComputeFailed)) throw error;
      throw new PurserError('unavailable', {
        message: `no machine can be chosen for ${name}: ${error.message}`,
        cause: error,
      });
    }
  }
}
