import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { isPurserError } from '@purser/contracts';
import { CONFIG, Log, Repeating } from '@purser/service';
import type { Config } from '../config.js';
import { HomeSteps } from './home-steps.service.js';
import { MoveRecords } from './move-records.js';
import type { MoveRow } from './move-row.js';
import { MovesRepository } from './moves.repository.js';
import { type Outcome, OutSteps } from './out-steps.service.js';
import { Patience } from './patience.js';
import { Returns } from './returns.service.js';

const EVERY_MS = 500;
const HOUR_MS = 3_600_000;
const KEPT_DAYS = 30;
/** Well within a claim. */
const KEEP_MS = 15_000;
/** A VM that is not ready by then, or a component that does not start here, will not be. */
const STEP_MS: Record<MoveRow['direction'], number> = { to_vm: 1_200_000, home: 300_000 };
/** What cannot be stopped here by then stays beside the one on the VM, and is told: it must not keep others from moving. */
const STOP_MS = 600_000;

/** Brings every move that is written down to its end, or back: also those that a crash has left. */
@Injectable()
export class Mover implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly sweeps: Repeating[];
  private readonly patience = new Patience();

  constructor(
    private readonly repository: MovesRepository,
    private readonly records: MoveRecords,
    private readonly out: OutSteps,
    private readonly home: HomeSteps,
    private readonly returns: Returns,
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    this.sweeps = [
      new Repeating('the moves of components', EVERY_MS, () => this.go(), log),
      new Repeating('forgetting old moves', HOUR_MS, () => this.repository.forget(KEPT_DAYS), log),
    ];
  }

  onApplicationBootstrap(): void {
    if (this.config.HYBRID_ORCHESTRATION_DRY_RUN) return;
    for (const sweep of this.sweeps) sweep.start();
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.sweeps.map((sweep) => sweep.stop()));
  }

  async go(): Promise<void> {
    const instance = this.config.PURSER_INSTANCE;
    const moves = await this.repository.claim(instance);
    this.patience.keepOnly(moves.map(({ id }) => id));
    // A round may take longer than a claim holds: Docker is given half a minute to stop a container.
    const keeping = setInterval(() => void this.repository.keep(instance).catch(() => undefined), KEEP_MS);
    try {
      await Promise.all(moves.filter(({ id }) => this.patience.isDue(id)).map((move) => this.step(move)));
    } finally {
      clearInterval(keeping);
    }
    await this.returns.look();
  }

  private async step(move: MoveRow): Promise<void> {
    const { id, component, step } = move;
    let outcome: Outcome;
    try {
      const steps = move.direction === 'to_vm' ? this.out : this.home;
      outcome = (await steps.advance(move)) ?? this.overdue(move);
      this.patience.succeeded(id);
      if (outcome === undefined) return;
      if (typeof outcome === 'string') {
        if (!(await this.records.enter(move, outcome))) return;
        this.log.info({ move: id, component, direction: move.direction, step: outcome }, 'a component moves');
        return;
      }
      if (!(await this.repository.isHeld(move))) return;
      await steps.undo(move, outcome.undo);
      await this.records.enter(move, 'failed', outcome.undo);
      this.log.warn({ move: id, component, reason: outcome.undo }, 'a component stays where it was');
    } catch (error) {
      // The step is done again, less and less often; what it is worth is decided by its time.
      this.patience.failed(id);
      const failed = (why: unknown, what: string) =>
        this.log[isPurserError(why) && why.retryable ? 'info' : 'warn'](
          { move: id, component, step, error: why },
          what,
        );
      failed(error, 'a step of a move did not succeed');
      // No other move, and nothing that is at home, waits for one that cannot be undone yet.
      await this.giveUp(move, error).catch((why: unknown) => failed(why, 'a move could not be given up yet'));
    }
  }

  private async giveUp(move: MoveRow, error: unknown): Promise<void> {
    const reason = error instanceof Error ? error.message : String(error);
    const { id, component, direction, step } = move;
    const late = direction === 'to_vm' && step === 'stopping' && Date.now() - move.step_at.getTime() > STOP_MS;
    // Without its VM it has to come home, however long that takes.
    if (late && (await this.out.hasVm(move))) {
      await this.records.enter(move, 'done', `it serves there, and could not be stopped here: ${reason}`);
      this.log.error({ move: id, component, reason }, 'a component could not be stopped here');
      return;
    }
    if (this.overdue(move) === undefined) return;
    if (!(await this.repository.isHeld(move))) return;
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
