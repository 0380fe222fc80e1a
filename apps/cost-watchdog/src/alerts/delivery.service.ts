import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Database, type Sql } from '@purser/database';
import { Clock, Log, Metrics } from '@purser/service';
import { Channels, SEND_TIMEOUT_MS } from './channels.js';
import { ChannelHealth } from './channel-health.service.js';
import { type Claimed, DeliveriesRepository } from './deliveries.repository.js';
import { noticeOf } from './notices.js';
import { MOST_ATTEMPTS, waitBeforeAttempt } from './telling.js';

/** An attempt that was not ended by then is lost, with the watchdog that made it: another one makes it again. */
const LOST_AFTER_MS = SEND_TIMEOUT_MS + 20_000;

/** Sends what waits. Each channel has its own line, so that one that hangs holds up no other, and none holds up the watchdog. */
@Injectable()
export class DeliveryService implements OnModuleDestroy {
  private readonly lines = new Map<string, Promise<void>>();
  private readonly counted;

  constructor(
    private readonly database: Database,
    private readonly deliveries: DeliveriesRepository,
    private readonly channels: Channels,
    private readonly health: ChannelHealth,
    private readonly clock: Clock,
    private readonly log: Log,
    metrics: Metrics,
  ) {
    this.counted = metrics.counter('purser_alert_deliveries_total', 'Attempts to tell people', ['channel', 'outcome']);
  }

  /** Returns at once. */
  send(): void {
    for (const name of this.channels.names()) {
      if (this.lines.has(name)) continue;
      const line = this.drain(name)
        .catch((error: unknown) => this.log.warn({ error, channel: name }, 'notices wait; trying on'))
        .finally(() => this.lines.delete(name));
      this.lines.set(name, line);
    }
  }

  /** Until all that can be sent now is sent, or was tried. */
  async idle(): Promise<void> {
    await Promise.all(this.lines.values());
  }

  async onModuleDestroy(): Promise<void> {
    await this.idle();
  }

  private async drain(channel: string): Promise<void> {
    while (!this.channels.signal.aborted) {
      const now = this.clock.now();
      const lostAt = new Date(now.getTime() + LOST_AFTER_MS);
      const claimed = await this.deliveries.claim(this.database, channel, now, lostAt);
      if (!claimed) return;
      await this.attempt(claimed);
    }
  }

  private async attempt(claimed: Claimed): Promise<void> {
    const { channel, notice } = claimed;
    try {
      await this.channels.send(channel, noticeOf(notice));
    } catch (error) {
      if (this.channels.signal.aborted) await this.deliveries.release(this.database, claimed, this.clock.now());
      else await this.failed(claimed, (error as Error).message);
      return;
    }
    this.counted.inc({ channel, outcome: 'sent' });
    await this.database.transaction(async (tx) => {
      await this.deliveries.sent(tx, claimed, this.clock.now());
      await this.health.succeeded(tx, channel);
    });
  }

  private async failed(claimed: Claimed, reason: string): Promise<void> {
    const { channel, attempts, notice } = claimed;
    const last = attempts >= MOST_ATTEMPTS;
    this.counted.inc({ channel, outcome: last ? 'given_up' : 'failed' });
    this.log.warn({ channel, notice: notice.id, attempts, reason }, 'a notice could not be sent');
    await this.database.transaction(async (tx) => {
      if (!(await this.leave(tx, claimed, reason, last))) return;
      await this.health.failed(tx, channel, reason);
    });
  }

  private leave(tx: Sql, claimed: Claimed, reason: string, last: boolean): Promise<boolean> {
    const now = this.clock.now();
    if (last) return this.deliveries.giveUp(tx, claimed, reason, now);
    const wait = waitBeforeAttempt(claimed.attempts, Math.random());
    return this.deliveries.tryAgain(tx, claimed, reason, new Date(now.getTime() + wait));
  }
}
