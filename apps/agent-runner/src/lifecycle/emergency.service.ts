import { Inject, Injectable } from '@nestjs/common';
import type { Latch as LatchState } from '@purser/contracts';
import { CONFIG, EmergencyStop } from '@purser/service';
import type { Config } from '../config.js';
import type { Session } from '../sessions/session.js';
import { Sessions } from '../sessions/sessions.service.js';
import { Leftovers } from './leftovers.service.js';

/** Beyond the grace period: a guard needs up to 12 s with a tree that does not want to die. */
const KILL_MS = 15_000;

/** In an emergency all sessions wrap up, are killed at the end of the grace period, and are given back; then what is left of earlier ones. */
@Injectable()
export class EmergencyService {
  constructor(
    stop: EmergencyStop,
    private readonly sessions: Sessions,
    private readonly leftovers: Leftovers,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    stop.register((latch) => this.stopAll(latch));
  }

  private async stopAll({ reason, by }: LatchState): Promise<string[]> {
    const sessions = this.sessions.wrapAll({ kind: 'emergency', reason: `${reason} (by ${by})` });
    const fates = await Promise.all(sessions.map((session) => this.fateOf(session)));
    return [...fates, ...(await this.leftovers.end())];
  }

  private async fateOf(session: Session): Promise<string> {
    const what = `session ${session.id} of task ${session.assignment.taskId}`;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), this.config.PURSER_GRACE_MS + KILL_MS);
    });
    const stopped = await Promise.race([session.stopped.then(() => true), late]);
    clearTimeout(timer);
    return stopped ? what : `NOT stopped yet: ${what}`;
  }
}
