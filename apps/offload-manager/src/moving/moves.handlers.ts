import { Controller } from '@nestjs/common';
import { Serve } from '@purser/bus';
import {
  componentsMoves,
  componentsOffload,
  componentsRecall,
  type Move,
  type ReplyOf,
  type RequestOf,
} from '@purser/contracts';
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
    return this.moves.toVm(name, await this.machines.choose(name, spot, machineType), reason, true);
  }

  @Serve(componentsRecall)
  recall({ name, reason }: RequestOf<typeof componentsRecall>): Promise<Move> {
    return this.moves.bringHome(name, reason);
  }

  @Serve(componentsMoves)
  async list({ limit }: RequestOf<typeof componentsMoves>): Promise<ReplyOf<typeof componentsMoves>> {
    return { moves: await this.moves.list(limit) };
  }
}
