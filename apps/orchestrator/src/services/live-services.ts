import { Injectable } from '@nestjs/common';
import type { ExecutorOffer, Heartbeat } from '@purser/contracts';
import { Clock } from '@purser/service';

const ALIVE_MS = 10_000;
/** Far more than one machine or cluster runs; beyond it only what is already known is kept. */
const MAX_INSTANCES = 500;

/** Who was heard of lately. */
@Injectable()
export class LiveServices {
  private readonly beats = new Map<string, { beat: Heartbeat; heardAt: number }>();

  constructor(private readonly clock: Clock) {}

  heard(beat: Heartbeat): void {
    const name = `${beat.service}.${beat.instance}`;
    if (!this.beats.has(name)) {
      this.forgetTheSilent();
      if (this.beats.size >= MAX_INSTANCES) return;
    }
    this.beats.set(name, { beat, heardAt: this.clock.monotonic() });
  }

  list(): Heartbeat[] {
    this.forgetTheSilent();
    return [...this.beats].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, { beat }]) => beat);
  }

  /** What each live runner that has this executor takes as input; undefined for one that does not say. */
  inputsOf(executor: string): (ExecutorOffer['input'] | undefined)[] {
    this.forgetTheSilent();
    return [...this.beats.values()].flatMap(({ beat }) =>
      (beat.executors ?? []).filter(({ name }) => name === executor).map(({ input }) => input),
    );
  }

  private forgetTheSilent(): void {
    const since = this.clock.monotonic() - ALIVE_MS;
    for (const [name, { heardAt }] of this.beats) if (heardAt < since) this.beats.delete(name);
  }
}
