import { Injectable } from '@nestjs/common';
import { Database, type Sql } from '@purser/database';
import { Outbox } from '@purser/service';
import { AlertEngine, type Raise } from './alert-engine.service.js';
import { type LevelOf, type NewAlert, topicOf } from './alert-identity.js';
import { Shouting } from './shouting.service.js';

export type { LevelOf, NewAlert } from './alert-identity.js';

/** Tells people and tools. Alerts leave if, and only if, what they speak of is committed. */
@Injectable()
export class AlertsService {
  constructor(
    private readonly engine: AlertEngine,
    private readonly database: Database,
    private readonly outbox: Outbox,
    private readonly shouting: Shouting,
  ) {}

  add(tx: Sql, alert: NewAlert): Promise<void> {
    return this.engine.raise(tx, alert);
  }

  /** What it is about is over: a lasting alert of this kind, if there is one. */
  async resolve(tx: Sql, kind: string, about: string, why: string): Promise<void> {
    await this.engine.end(tx, { topics: [topicOf(kind, about)] }, why);
  }

  /** Of something with levels; no alert at a level that nobody needs to know of. */
  follow(tx: Sql, level: LevelOf, alert: NewAlert | undefined, why: string): Promise<void> {
    return this.engine.follow(tx, level, alert, why);
  }

  /** For tools alone: things are well again. */
  note(tx: Sql, alert: NewAlert, fingerprint: string): Promise<void> {
    return this.engine.note(tx, alert, fingerprint);
  }

  /** For what is not part of a transaction. `eventId` keeps a repeated message from telling tools twice. */
  async raise(alert: NewAlert, eventId?: string, options: Omit<Raise, 'eventId'> = {}): Promise<void> {
    await this.database.transaction((tx) => this.engine.raise(tx, alert, { ...options, eventId }));
    await this.outbox.flush();
  }

  async resolveNow(kind: string, about: string, why: string): Promise<void> {
    await this.database.transaction((tx) => this.resolve(tx, kind, about, why));
    await this.outbox.flush();
  }

  /** Past the database, for the hour when it is away. */
  shout(alert: NewAlert): Promise<void> {
    return this.shouting.shout(alert);
  }
}
