import { Injectable } from '@nestjs/common';

const DAY_MS = 86_400_000;

/** Spot VMs that were taken away within a day, as far as this process has heard of it. */
@Injectable()
export class Preemptions {
  private at: Date[] = [];

  heard(now: Date): void {
    this.at = [...this.at.slice(-999), now];
  }

  within(now: Date): number {
    this.at = this.at.filter((one) => now.getTime() - one.getTime() < DAY_MS);
    return this.at.length;
  }
}
