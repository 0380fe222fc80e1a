import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { alertFacts } from '@purser/contracts';
import { Clock, Log } from '@purser/service';
import { factOf } from './alert-engine.service.js';
import { identityOf, type NewAlert } from './alert-identity.js';
import { Channels, leastSeverityOf } from './channels.js';
import { severityRank } from './telling.js';

/** Past the database, for the hour when it is away: what cannot be kept is at least said, once. */
@Injectable()
export class Shouting {
  constructor(
    private readonly channels: Channels,
    private readonly bus: Bus,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** Tools are told before it resolves; people in the background: an emergency does not wait for a mail server. */
  async shout(alert: NewAlert): Promise<void> {
    const now = this.clock.now();
    const { fingerprint } = identityOf(alert);
    const { severity, kind, title, details } = alert;
    const told = { id: randomUUID(), fingerprint, state: 'firing' as const, severity, kind, title, text: title };
    for (const channel of this.channels.all()) {
      if (severityRank(severity) < leastSeverityOf(channel)) continue;
      const { name } = channel;
      void this.channels
        .send(name, { ...told, details, at: now })
        .catch((error: unknown) => this.log.error({ error, channel: name }, 'an alert could not be told by a channel'));
    }
    await this.bus
      .publish(alertFacts[severity], kind, factOf(alert, fingerprint, now))
      .catch((error: unknown) => this.log.error({ error, alert }, 'an alert could not be sent'));
  }
}
