import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { type Alert, alertFacts } from '@purser/contracts';
import { Database, type Sql } from '@purser/database';
import { Clock, Log, Outbox } from '@purser/service';

export type NewAlert = Omit<Alert, 'at'>;

/** Tells people. Alerts are facts: they leave if, and only if, what they speak of is committed. */
@Injectable()
export class AlertsService {
  constructor(
    private readonly outbox: Outbox,
    private readonly database: Database,
    private readonly bus: Bus,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  async add(tx: Sql, alert: NewAlert): Promise<void> {
    await this.outbox.add(tx, alertFacts[alert.severity], alert.kind, this.dated(alert));
  }

  /** For what is not part of a transaction. `id` keeps a repeated message from alerting twice. */
  async raise(alert: NewAlert, id?: string): Promise<void> {
    await this.database.transaction((tx) =>
      this.outbox.add(tx, alertFacts[alert.severity], alert.kind, this.dated(alert), id),
    );
    await this.outbox.flush();
  }

  /** Past the outbox, for the hour when the database is away. */
  async shout(alert: NewAlert): Promise<void> {
    await this.bus
      .publish(alertFacts[alert.severity], alert.kind, this.dated(alert))
      .catch((error: unknown) => this.log.error({ error, alert }, 'an alert could not be sent'));
  }

  private dated(alert: NewAlert): Alert {
    return { ...alert, at: this.clock.now().toISOString() };
  }
}
