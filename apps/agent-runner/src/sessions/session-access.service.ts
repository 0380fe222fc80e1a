import { Injectable } from '@nestjs/common';
import { ControlServer } from '../control/control-server.service.js';
import { SessionKeys } from '../keys/session-keys.service.js';
import type { Session } from './session.js';
import type { SessionRecords } from './session-records.service.js';

/** What a session's programs can reach, and by which secrets: the gateway and the session's own control API. */
@Injectable()
export class SessionAccess {
  constructor(
    private readonly keys: SessionKeys,
    private readonly control: ControlServer,
  ) {}

  /** The variables that say so. */
  async grant(session: Session, records: SessionRecords, sessionDir: string): Promise<Record<string, string>> {
    const gateway = await this.keys.issue(session);
    return { ...gateway, PURSER_CONTROL_URL: this.control.open(session, records, sessionDir) };
  }

  /** Word of calls that were refused may still be on its way. */
  heardOf(session: Session): Promise<void> {
    return this.keys.heardOf(session);
  }

  /** Both die with the session. */
  async end(session: Session): Promise<void> {
    this.control.close(session);
    await this.keys.revoke(session);
  }
}
