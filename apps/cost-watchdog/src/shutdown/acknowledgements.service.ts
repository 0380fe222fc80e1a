import { Inject, Injectable } from '@nestjs/common';
import type { Acknowledgement, Latch, ServiceInstance } from '@purser/contracts';
import { Database } from '@purser/database';
import { Clock } from '@purser/service';
import { LatchRepository } from '../emergency/latch.repository.js';
import { within } from '../emergency/within.js';
import { EMERGENCY_FILE, type EmergencyFile } from './emergency-file.js';
import { pause } from './pause.js';
import { Responders, silent } from './responders.js';

const LOOK_MS = 100;
const POSTGRES_MS = 1_000;

export interface Waited {
  /** Who was alive when the latch was set. */
  expected: ServiceInstance[];
  /** When the broadcast was seen to be stored, if it was. */
  broadcastAt: Date | undefined;
}

/** The services' own word that they have stopped. Whichever watchdog took it, it is in Postgres. */
@Injectable()
export class AcknowledgementsService {
  constructor(
    private readonly database: Database,
    private readonly latch: LatchRepository,
    private readonly responders: Responders,
    @Inject(EMERGENCY_FILE) private readonly file: EmergencyFile,
    private readonly clock: Clock,
  ) {}

  /** Until all have acknowledged, or their time is over: money does not wait for one that hangs. Never rejects. */
  async wait({ serial }: Latch, signal: AbortSignal): Promise<Waited> {
    const expected = this.responders.alive();
    const until = this.clock.monotonic() + this.file.acknowledgeSeconds * 1_000;
    let broadcastAt: Date | undefined;
    while (!signal.aborted) {
      const { announced, given } = await this.look(serial);
      if (announced) broadcastAt ??= this.clock.now();
      const satisfied = silent(expected, given).length === 0 && (announced || expected.length === 0);
      if (satisfied || this.clock.monotonic() >= until) break;
      await pause(LOOK_MS, signal);
    }
    return { expected, broadcastAt };
  }

  /** None while Postgres is away. */
  async of(serial: number): Promise<Acknowledgement[]> {
    return within(POSTGRES_MS, 'Postgres', this.latch.acknowledgements(this.database, serial)).catch(() => []);
  }

  private async look(serial: number): Promise<{ announced: boolean; given: Acknowledgement[] }> {
    const state = await within(POSTGRES_MS, 'Postgres', this.latch.read(this.database)).catch(() => undefined);
    if (!state) return { announced: false, given: [] };
    return { announced: state.serial === serial && state.announced, given: await this.of(serial) };
  }
}
