import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import type { Heartbeat } from '@purser/contracts';
import { Clock, HEARTBEAT_MS } from '@purser/service';

/** Three missed beats and a margin for a slow bus. */
export const SILENCE_MS = 3 * HEARTBEAT_MS + 1_500;
/** Looks that lie further apart mean that this process was stopped: what it did not hear then proves nothing. */
const LONGEST_GAP_MS = 3_000;

/** Which gateways this watchdog has heard of lately. */
@Injectable()
export class Presence {
  private readonly heardAt = new Map<string, number>();
  private listeningSince: number | undefined;
  private lookedAt = -Infinity;

  constructor(
    private readonly bus: Bus,
    private readonly clock: Clock,
  ) {}

  hear({ service, instance, gateways = [] }: Heartbeat): void {
    const now = this.clock.monotonic();
    if (service === 'model-gateway') this.heardAt.set(instance, now);
    // It speaks for its VMs, each of which has a lease of its own.
    if (service === 'offload-manager') for (const gateway of gateways) this.heardAt.set(gateway, now);
  }

  alive(): string[] {
    const now = this.clock.monotonic();
    for (const [gateway, at] of this.heardAt) if (now - at > SILENCE_MS) this.heardAt.delete(gateway);
    return [...this.heardAt.keys()];
  }

  /** Whether silence means something, as of the last look. */
  get certain(): boolean {
    const now = this.clock.monotonic();
    const looking = this.bus.connected && now - this.lookedAt <= LONGEST_GAP_MS;
    return looking && this.listeningSince !== undefined && now - this.listeningSince > SILENCE_MS;
  }

  /** To be asked once a second. True when silence means something: up and connected for as long as a gateway may be silent. */
  canJudge(): boolean {
    const now = this.clock.monotonic();
    const missedSome = !this.bus.connected || now - this.lookedAt > LONGEST_GAP_MS;
    this.lookedAt = now;
    if (missedSome || this.listeningSince === undefined) this.listeningSince = now;
    return now - this.listeningSince > SILENCE_MS;
  }
}
