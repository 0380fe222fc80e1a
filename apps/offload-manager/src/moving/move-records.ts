import { Injectable } from '@nestjs/common';
import { componentOffloaded, componentReturned } from '@purser/contracts';
import { Database, type Sql } from '@purser/database';
import { Outbox } from '@purser/service';
import { moveOf, type MoveRow, type MoveStep } from './move-row.js';
import { MovesRepository } from './moves.repository.js';

/** Every step of a move, and with the last one, in the same transaction, the fact that the component is elsewhere now. */
@Injectable()
export class MoveRecords {
  constructor(
    private readonly database: Database,
    private readonly repository: MovesRepository,
    private readonly outbox: Outbox,
  ) {}

  /** False when it was taken over, or is in another step: then nothing was written. */
  async enter(move: MoveRow, to: MoveStep, error: string | null = null): Promise<boolean> {
    const entering = async (tx: Sql) => {
      const row = await this.repository.enter(tx, move, move.step, to, error);
      if (row?.step !== 'done') return row !== undefined;
      const fact = row.direction === 'to_vm' ? componentOffloaded : componentReturned;
      await this.outbox.add(tx, fact, row.component, moveOf(row));
      return true;
    };
    const entered = await this.database.changing(['moves'], () => this.database.transaction(entering));
    if (to === 'done') void this.outbox.flush();
    return entered;
  }
}
