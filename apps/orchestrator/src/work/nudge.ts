import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { workAvailable } from '@purser/contracts';
import { Log } from '@purser/service';

const AT_MOST_EVERY_MS = 50;

/** Wakes idle runners. Nothing depends on it: they poll anyway. */
@Injectable()
export class Nudge implements OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;
  private readonly listeners: (() => void)[] = [];

  constructor(
    private readonly bus: Bus,
    private readonly log: Log,
  ) {}

  /** Soon, once for all that became ready until then. */
  workIsReady(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      for (const listener of this.listeners) listener();
      if (!this.bus.connected) return;
      this.bus
        .publish(workAvailable, undefined, {})
        .catch((error: unknown) => this.log.debug({ error }, 'runners were not told of new work'));
    }, AT_MOST_EVERY_MS);
  }

  /** For what has to look at tasks that became ready, or would have. */
  whenReady(listener: () => void): void {
    this.listeners.push(listener);
  }

  onModuleDestroy(): void {
    clearTimeout(this.timer);
  }
}
