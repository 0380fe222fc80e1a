import { Inject, Injectable } from '@nestjs/common';
import { type DecidedMove, type OffloadDecision, PurserError } from '@purser/contracts';
import { formatUsd } from '@purser/money';
import { CONFIG, Latch, Log } from '@purser/service';
import type { Config } from '../config.js';
import { decide } from './decide.js';
import { DecisionsRepository } from './decisions.repository.js';
import { MOVER, type Mover } from './ports.js';
import { figuresOf, rulesOf, Situations } from './situations.service.js';
import type { PlannedMove } from './situation.js';

const DAY_MS = 86_400_000;
const KEPT_DAYS = 30;
const KEPT = 10_000;

/** Decides, writes down why, and has it done. */
@Injectable()
export class Decider {
  private deciding: Promise<OffloadDecision> | undefined;

  constructor(
    private readonly situations: Situations,
    private readonly decisions: DecisionsRepository,
    @Inject(MOVER) private readonly mover: Mover,
    @Inject(CONFIG) private readonly config: Config,
    private readonly latch: Latch,
    private readonly log: Log,
  ) {}

  /** Never twice at once: who comes meanwhile gets what is being decided. */
  decide(): Promise<OffloadDecision> {
    return (this.deciding ??= this.decideNow().finally(() => (this.deciding = undefined)));
  }

  /** For a person, who asks any of several managers. @throws PurserError `conflict` where it is turned off */
  async decideWhenAsked(): Promise<OffloadDecision> {
    if (this.config.HYBRID_ORCHESTRATION_ENABLED) return this.decide();
    throw new PurserError('conflict', {
      message: 'HYBRID_ORCHESTRATION_ENABLED is false: nothing is offloaded, and what is away comes home by itself',
      details: { state: 'off' },
    });
  }

  /** For the interval: of several managers one decides, for as long as it goes on to. */
  async decideInTurn(now: Date, untilMs: number): Promise<void> {
    if (await this.decisions.takeTurn(this.config.PURSER_INSTANCE, now, new Date(now.getTime() + untilMs)))
      await this.decide();
  }

  async forget(now: Date): Promise<void> {
    await this.decisions.forget(new Date(now.getTime() - KEPT_DAYS * DAY_MS), KEPT);
  }

  private async decideNow(): Promise<OffloadDecision> {
    const situation = await this.situations.look(this.config.HYBRID_ORCHESTRATION_ENABLED);
    const verdict = decide(situation, rulesOf(this.config, this.situations.bounds));
    const moves: DecidedMove[] = [];
    for (const move of verdict.moves) moves.push(decided(move, await this.begin(move)));
    const { memory, pressure, trendMbPerMinute: trend, now } = situation;
    if (moves.length > 0) this.log.info({ action: verdict.action, reason: verdict.reason, moves }, 'decided to move');
    return this.decisions.add({
      ...verdict,
      at: now,
      moves,
      memory: figuresOf({ reading: memory, pressure, trend }),
    });
  }

  /** What came of it. */
  private async begin(move: PlannedMove): Promise<string> {
    const { HYBRID_ORCHESTRATION_DRY_RUN: dry, ENABLE_AUTO_MIGRATION: auto } = this.config;
    if (dry) return 'not begun: HYBRID_ORCHESTRATION_DRY_RUN is true';
    if (!auto && move.must !== true) return 'not begun: ENABLE_AUTO_MIGRATION is false';
    if (move.to === 'vm' && this.latch.isSet)
      return 'not begun: there is an emergency, or nobody knows whether there is';
    try {
      await this.mover.begin(move);
      return 'begun';
    } catch (error) {
      this.log.warn({ error, component: move.component, to: move.to }, 'a move was not begun');
      return `not begun: ${error instanceof Error ? error.message : String(error)}`.slice(0, 500);
    }
  }
}

const decided = ({ component, to, machine, reason }: PlannedMove, outcome: string): DecidedMove => ({
  component,
  to,
  machineType: machine?.machineType ?? null,
  spot: machine?.spot ?? null,
  worstCaseUsd: machine ? formatUsd(machine.worstCase) : null,
  reason,
  outcome,
});
