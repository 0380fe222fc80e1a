import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { isPurserError } from '@purser/contracts';
import { CONFIG, Log, Repeating } from '@purser/service';
import type { Config } from '../config.js';
import { HomeSteps } from './home-steps.service.js';
import { MoveRecords } from './move-records.js';
import type { MoveRow } from './move-row.js';
import { type Outcome, OutSteps } from './out-steps.service.js';
import { Returns } from './returns.service.js';

const EVERY_MS = 500;
/** A VM that is not ready by then, or a component that does not start here, will not be. */
const STEP_MS: Record<MoveRow['direction'], number> = { to_vm: 1_200_000, home: 300_000 };

/** Brings every move that is written down to its end, or back: also those that a crash has left. */
@Injectable()
export class Mover implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly going: Repeating;

  constructor(
    private readonly records: MoveRecords,
    private readonly out: OutSteps,
    private readonly home: HomeSteps,
    private readonly returns: Returns,
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    this.going = new Repeating('the moves of components', EVERY_MS, () => this.go(), log);
  }

  onApplicationBootstrap(): void {
    if (!this.config.HYBRID_ORCHESTRATION_DRY_RUN) this.going.start();
  }

  onModuleDestroy(): Promise<void> {
    return this.going.stop();
  }

  async go(): Promise<void> {
    const moves = await this.records.claim(this.config.PURSER_INSTANCE);
    await Promise.all(moves.map((move) => this.step(move)));
    await this.returns.look();
  }

  private async step(move: MoveRow): Promise<void> {
    const { id, component, step } = move;
    let outcome: Outcome;
    try {
      const steps = move.direction === 'to_vm' ? this.out : this.home;
      outcome = (await steps.advance(move)) ?? this.overdue(move);
      if (outcome === undefined) return;
      if (typeof outcome === 'string') {
        await this.records.enter(move, outcome);
        this.log.info({ move: id, component, direction: move.direction, step: outcome }, 'a component moves');
        return;
      }
      await steps.undo(move, outcome.undo);
      await this.records.enter(move, 'failed', outcome.undo);
      this.log.warn({ move: id, component, reason: outcome.undo }, 'a component stays where it was');
    } catch (error) {
      // The step is done again; what it is worth is decided by its time.
      const known = isPurserError(error) && error.retryable;
      this.log[known ? 'info' : 'warn']({ move: id, component, step, error }, 'a step of a move did not succeed');
      await this.giveUp(move, error);
    }
  }

  private async giveUp(move: MoveRow, error: unknown): Promise<void> {
    if (this.overdue(move) === undefined) return;
    const reason = error instanceof Error ? error.message : String(error);
    await (move.direction === 'to_vm' ? this.out.undo(move, reason) : this.home.undo(move));
    await this.records.enter(move, 'failed', reason);
  }

  /** Once the requests go to the new place there is no way but on. */
  private overdue({ direction, step, step_at }: MoveRow): Outcome {
    const early = step === 'starting' || step === 'healthy';
    if (!early || Date.now() - step_at.getTime() < STEP_MS[direction]) return undefined;
    return { undo: `it was not ${step === 'starting' ? 'ready' : 'asked for requests'} in time` };
  }
}
