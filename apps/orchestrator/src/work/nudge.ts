import { Injectable, type OnModuleDestroy, Optional } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { workAvailable } from '@purser/contracts';
import { Log } from '@purser/service';
import { LiveRunners } from './live-runners.js';

const AT_MOST_EVERY_MS = 10;
/** With so much more time for each further runner they ask about as fast as one orchestrator answers. */
const SPREAD_PER_RUNNER_MS = 1;
const LONGEST_SPREAD_MS = 100;

/** Wakes idle runners, and orchestrators at rest. Nothing depends on it: runners poll and orchestrators look anyway, some seconds later. */
@Injectable()
export class Nudge implements OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;
  private again = false;
  private readonly listeners: (() => void)[] = [];

  constructor(
    private readonly bus: Bus,
    private readonly log: Log,
    @Optional() private readonly runners?: LiveRunners,
  ) {}

  /** Here, before runners are told. */
  whenReady(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** After the commit. At once, and then once for all that becomes ready within a moment. */
  workIsReady(): void {
    for (const listener of this.listeners) listener();
    if (this.timer) {
      this.again = true;
      return;
    }
    this.tell();
    this.timer = setTimeout(() => {
      this.timer = undefined;
      if (this.again) this.workIsReady();
    }, AT_MOST_EVERY_MS);
  }

  private tell(): void {
    this.again = false;
    if (!this.bus.connected) return;
    const spreadMs = Math.min(LONGEST_SPREAD_MS, Math.max(0, (this.runners?.count ?? 1) - 1) * SPREAD_PER_RUNNER_MS);
    this.bus
      .publish(workAvailable, undefined, { spreadMs })
      .catch((error: unknown) => this.log.debug({ error }, 'runners were not told of new work'));
  }

  onModuleDestroy(): void {
    clearTimeout(this.timer);
  }
}
