import { Inject, Injectable } from '@nestjs/common';
import { type Alert, alertFacts } from '@purser/contracts';
import { type Sql, storable } from '@purser/database';
import { Clock, Outbox } from '@purser/service';
import { Agenda } from './agenda.js';
import {
  type Identity,
  identityOf,
  isUrgent,
  lasts,
  levelIdentity,
  type LevelOf,
  type NewAlert,
  topicsEndedBy,
} from './alert-identity.js';
import type { AlertRow } from './alert-row.js';
import { ALERTS_FILE, type AlertsFile } from './alerts-file.js';
import { AlertsRepository, type Over } from './alerts.repository.js';
import { dueWhenFiring, dueWhenResolved, severityRank, verdictOn } from './telling.js';
import { TellingsRepository } from './tellings.repository.js';

export interface Raise {
  /** Of the fact, so that a repeated message tells tools once. */
  eventId?: string | undefined;
  /** A channel that is not to be asked to tell it: its own fault is what the alert is about. */
  except?: string | undefined;
}

/** What opens, fires, silences and ends alerts: within the transaction of what they speak of. */
@Injectable()
export class AlertEngine {
  constructor(
    private readonly alerts: AlertsRepository,
    private readonly tellings: TellingsRepository,
    private readonly agenda: Agenda,
    private readonly outbox: Outbox,
    private readonly clock: Clock,
    @Inject(ALERTS_FILE) private readonly file: AlertsFile,
  ) {}

  /** Something happened, or lasts. */
  async raise(tx: Sql, given: NewAlert, options: Raise = {}): Promise<void> {
    // Titles and details quote what others wrote.
    const alert = storable(given);
    const ended = topicsEndedBy(alert);
    if (ended.length > 0) await this.end(tx, { topics: ended }, alert.title);
    await this.fire(tx, identityOf(alert), alert, 'plain', options);
  }

  /**
   * Something with levels is at this one now: higher levels are over, as is every level of an earlier period. Without an
   * alert it is at none that anybody needs to know of.
   */
  async follow(tx: Sql, level: LevelOf, alert: NewAlert | undefined, why: string): Promise<void> {
    const { topic, period, rank } = level;
    const ended = await this.end(tx, { topics: [topic], period, rank }, why);
    if (!alert) return;
    const identity = levelIdentity(level);
    await this.alerts.unsilence(tx, identity);
    const fell = ended.some((row) => row.period === period);
    await this.fire(tx, identity, alert, fell ? 'after-higher' : 'level');
  }

  /** Gives back those that are over by this. */
  async end(tx: Sql, over: Over, why: string): Promise<AlertRow[]> {
    const now = this.clock.now();
    const rows = await this.alerts.resolve(tx, over, why, now);
    if (rows.length === 0) return rows;
    const ids = rows.map((row) => row.id);
    await this.tellings.withdraw(tx, ids);
    await this.tellings.addResolved(tx, ids, dueWhenResolved(now, this.file), now);
    this.agenda.added();
    for (const row of rows) await this.outbox.add(tx, alertFacts.info, row.kind, overFact(row, why, now));
    return rows;
  }

  /** A fact of somebody's own that is no alert: that things are well again. */
  async note(tx: Sql, alert: NewAlert, fingerprint: string): Promise<void> {
    await this.outbox.add(tx, alertFacts[alert.severity], alert.kind, {
      ...factOf(alert, fingerprint, this.clock.now()),
      state: 'resolved',
    });
  }

  private async fire(
    tx: Sql,
    identity: Identity,
    alert: NewAlert,
    as: 'plain' | 'level' | 'after-higher',
    { eventId, except }: Raise = {},
  ): Promise<void> {
    const now = this.clock.now();
    const stays = as !== 'plain' || lasts(alert);
    const opened = await this.alerts.open(tx, identity, { ...alert, lasts: stays }, now);
    const { id, fresh, silenced, last_fired_at: lastFiredAt } = opened;
    // A level fires once, however often it is looked at.
    if (!fresh && as !== 'plain') return;
    if (fresh && as !== 'plain') await this.tellings.withdraw(tx, await this.alerts.silenceBelow(tx, identity));
    const raised = { now, fresh, lastFiredAt, silenced, lasts: stays, urgent: isUrgent(alert) };
    const verdict = verdictOn(raised, this.file);
    if (!verdict.publish) return;
    const fact = factOf(alert, identity.fingerprint, now);
    await this.outbox.add(tx, alertFacts[alert.severity], alert.kind, fact, eventId);
    // Whoever was told of the higher level reads by its end what is left.
    if (!verdict.tellAt || as === 'after-higher') return;
    if (!fresh) await this.alerts.fireAgain(tx, id, alert, now);
    const due = dueWhenFiring(verdict.tellAt, alert.severity, this.file);
    await this.tellings.addFiring(tx, { id, severityRank: severityRank(alert.severity) }, due, now, except);
    this.agenda.added();
  }
}

export function factOf({ severity, kind, title, details }: NewAlert, fingerprint: string, now: Date): Alert {
  return { severity, kind, title, details, fingerprint, state: 'firing', at: now.toISOString() };
}

const overFact = (row: AlertRow, why: string, now: Date): Alert => ({
  severity: 'info',
  kind: row.kind,
  title: `Over: ${row.title} (${why})`,
  details: row.details,
  fingerprint: row.fingerprint,
  state: 'resolved',
  at: now.toISOString(),
});
