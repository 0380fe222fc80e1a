import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { Outbox } from '@purser/service';
import { ClaimGate } from './claim-gate.js';
import type { Sight } from './work.repository.js';

/**
 * Of those that could see nothing every so-manieth look is made all the same: another orchestrator may have died before it
 * told of new work, or it was told and not heard.
 */
const ANYWAY = 2;

/**
 * Looks at the tasks, but not where there is nothing to see: at the last look none waited or ran, nothing was written here
 * since, and nobody has told of work elsewhere, while the bus was there all the time for it to be heard.
 */
@Injectable()
export class Sights {
  private atRest: { news: number; written: number; losses: number } | undefined;
  private rested = 0;

  constructor(
    private readonly gate: ClaimGate,
    private readonly outbox: Outbox,
    private readonly bus: Bus,
  ) {}

  /** Undefined when it would see that there is nothing, as before. */
  async look(): Promise<Sight | undefined> {
    const news = this.gate.latestNews;
    const written = this.outbox.flushes;
    const { losses, connected } = this.bus;
    const { atRest } = this;
    const heard = connected && atRest?.losses === losses;
    if (heard && atRest.news === news && atRest.written === written && ++this.rested < ANYWAY) {
      this.gate.nothingStill();
      return undefined;
    }
    this.rested = 0;
    this.atRest = undefined;
    const sight = await this.gate.look();
    if (!sight.anyOpen && connected) this.atRest = { news, written, losses };
    return sight;
  }
}
