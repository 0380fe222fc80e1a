import { Inject, Injectable } from '@nestjs/common';
import type { AlertState } from '@purser/contracts';
import { Database, type Sql } from '@purser/database';
import { ALERTS_FILE, type AlertsFile } from './alerts-file.js';
import { Channels } from './channels.js';
import { ChannelsRepository } from './channels.repository.js';
import { DeliveriesRepository } from './deliveries.repository.js';
import { noticeFor } from './notices.js';
import { type DueTelling, TellingsRepository } from './tellings.repository.js';

/** Whoever gets more messages than this reads none of them: then what is not critical waits for company. */
const MOST_NOTICES = 10;
const WITHIN_MS = 10 * 60_000;

/** Makes notices of what is due: what comes together in one, or each alert by itself, as the channel wants it. */
@Injectable()
export class BundlingService {
  constructor(
    private readonly database: Database,
    private readonly repository: ChannelsRepository,
    private readonly tellings: TellingsRepository,
    private readonly deliveries: DeliveriesRepository,
    private readonly channels: Channels,
    @Inject(ALERTS_FILE) private readonly file: AlertsFile,
  ) {}

  async bundle(now: Date): Promise<void> {
    const due = await this.tellings.dueChannels(this.database, this.channels.names(), now);
    for (const channel of due) await this.database.transaction((tx) => this.bundleFor(tx, channel, now));
  }

  private async bundleFor(tx: Sql, channel: string, now: Date): Promise<void> {
    if (!(await this.repository.lock(tx, channel))) return;
    const single = this.channels.all().find(({ name }) => name === channel)?.notifier.single ?? false;
    // What still waits for company has found it.
    const until = single ? now : new Date(now.getTime() + this.file.groupSeconds * 1_000);
    const rows = await this.tellings.due(tx, channel, until);
    if (!single && (await this.isFlooded(tx, channel, rows, now))) return;
    if (single) for (const row of rows) await this.deliver(tx, channel, row.telling, [row], now);
    else
      for (const state of ['resolved', 'firing'] as const) {
        const together = rows.filter((row) => row.telling === state);
        if (together.length > 0) await this.deliver(tx, channel, state, together, now);
      }
  }

  private async isFlooded(tx: Sql, channel: string, rows: readonly DueTelling[], now: Date): Promise<boolean> {
    if (rows.some(({ severity, telling }) => severity === 'critical' && telling === 'firing')) return false;
    const since = new Date(now.getTime() - WITHIN_MS);
    return (await this.deliveries.countSince(tx, channel, since)) >= MOST_NOTICES;
  }

  private async deliver(tx: Sql, channel: string, state: AlertState, rows: DueTelling[], now: Date): Promise<void> {
    const id = await this.deliveries.add(tx, channel, noticeFor(state, rows), now);
    await this.tellings.bundle(
      tx,
      rows.map((row) => row.telling_id),
      id,
    );
  }
}
