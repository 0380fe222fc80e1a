import { Injectable } from '@nestjs/common';
import { Log } from '@purser/service';
import { Meter } from './calls/meter.js';
import { Experience } from './experience/experience.service.js';
import { Journal } from './journal/journal.js';
import { Settlements } from './journal/settlements.js';
import { Authenticator } from './keys/authenticator.js';
import { LeaseClient } from './leases/lease-client.js';

const FLUSH_MS = 5_000;

/** Takes up what the last life left, and leaves nothing behind at a graceful stop. */
@Injectable()
export class Metering {
  constructor(
    private readonly journal: Journal,
    private readonly meter: Meter,
    private readonly settlements: Settlements,
    private readonly leases: LeaseClient,
    private readonly experience: Experience,
    private readonly authenticator: Authenticator,
    private readonly log: Log,
  ) {}

  async start(): Promise<void> {
    this.journal.whenUnwritable((error) =>
      this.log.error({ error }, 'settlements are in memory alone: the journal cannot be written'),
    );
    // Before anything new is settled: the pipeline sends what the journal holds, then what is presumed.
    this.settlements.resume();
    for (const call of this.journal.inFlight) this.meter.presume(call);
    this.leases.start();
    await Promise.all([this.experience.start(), this.authenticator.start()]);
  }

  /** Calls have ended. Settlements go out before leases go back, so that the watchdog never sees money as free that was spent. */
  async stop(): Promise<void> {
    await this.settlements.flush(FLUSH_MS);
    await this.leases.stop();
    this.settlements.stop();
    await this.experience.stop();
    this.journal.close();
  }
}
