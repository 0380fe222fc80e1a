import { Injectable } from '@nestjs/common';
import { EmergencyStop, Latch } from '@purser/service';
import { Nudge } from './nudge.js';

/** Claims ask the latch themselves; the sessions that run are stopped by their runners. */
@Injectable()
export class EmergencyDuty {
  constructor(stop: EmergencyStop, latch: Latch, nudge: Nudge) {
    stop.register(() => Promise.resolve(['handing out of sessions']));
    latch.whenCleared(() => nudge.workIsReady());
  }
}
