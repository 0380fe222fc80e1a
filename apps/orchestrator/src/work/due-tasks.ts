import { Injectable } from '@nestjs/common';
import { ClaimsRepository } from './claims.repository.js';
import { Nudge } from './nudge.js';

const AT_ONCE = 1_000;

/** Tasks whose time has come: a notBefore, or the end of a backoff. */
@Injectable()
export class DueTasks {
  constructor(
    private readonly claims: ClaimsRepository,
    private readonly nudge: Nudge,
  ) {}

  /** Lets them be handed out; what is left beyond a thousand is seen by the next look. */
  async ready(): Promise<void> {
    if ((await this.claims.readyNow(AT_ONCE)) > 0) this.nudge.workIsReady();
  }
}
