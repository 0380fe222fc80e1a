import { Injectable } from '@nestjs/common';
import { Clock } from '@purser/service';

const ALIVE_MS = 30_000;
/** Runners ask every two seconds: before that, who was not heard may merely not have asked yet. */
const LISTEN_FIRST_MS = 5_000;
/** Far more than one orchestrator serves; beyond it only those already known are kept. */
const MAX_RUNNERS = 10_000;

interface Runner {
  /** Undefined for one whose claims all went to another orchestrator. */
  executors: readonly string[] | undefined;
  heardAt: number;
}

/** Which runners were heard of lately, and what they can do. A full one claims nothing, but its sessions are renewed. */
@Injectable()
export class LiveRunners {
  private readonly runners = new Map<string, Runner>();
  private readonly since: number;

  constructor(private readonly clock: Clock) {
    this.since = clock.monotonic();
  }

  heard(name: string, executors?: readonly string[]): void {
    const known = this.runners.get(name);
    if (!known) {
      this.forgetTheSilent();
      if (this.runners.size >= MAX_RUNNERS) return;
    }
    this.runners.set(name, { executors: executors ?? known?.executors, heardAt: this.clock.monotonic() });
  }

  /** About how many are alive. */
  get count(): number {
    return this.runners.size;
  }

  /** Whether it is certain that nobody who is alive has this executor. */
  lack(executor: string): boolean {
    if (this.clock.monotonic() - this.since < LISTEN_FIRST_MS) return false;
    this.forgetTheSilent();
    return [...this.runners.values()].every(({ executors }) => executors?.includes(executor) === false);
  }

  private forgetTheSilent(): void {
    const since = this.clock.monotonic() - ALIVE_MS;
    for (const [name, { heardAt }] of this.runners) if (heardAt < since) this.runners.delete(name);
  }
}
