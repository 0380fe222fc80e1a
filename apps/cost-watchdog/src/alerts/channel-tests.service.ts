import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { type alertsTest, PurserError, type ReplyOf, type RequestOf } from '@purser/contracts';
import { Database } from '@purser/database';
import { Clock } from '@purser/service';
import { ChannelHealth } from './channel-health.service.js';
import { Channels } from './channels.js';
import { noticeOf, testNotice } from './notices.js';

type Result = ReplyOf<typeof alertsTest>['results'][number];

/** Sends a notice through each channel while a person waits, who sees at once what is wrong. */
@Injectable()
export class ChannelTests {
  constructor(
    private readonly channels: Channels,
    private readonly health: ChannelHealth,
    private readonly database: Database,
    private readonly bus: Bus,
    private readonly clock: Clock,
  ) {}

  async run({ channel }: RequestOf<typeof alertsTest>): Promise<ReplyOf<typeof alertsTest>> {
    const wanted = (name: string) => channel === undefined || name === channel;
    const usable = this.channels.names().filter(wanted);
    const unusable = this.channels.failed().filter(({ name }) => wanted(name));
    if (channel !== undefined && usable.length + unusable.length === 0)
      throw new PurserError('not_found', {
        message: `There is no channel "${channel}". There are: ${this.channels.names().join(', ') || 'none'}.`,
      });
    const sent = await Promise.all(usable.map((name) => this.send(name)));
    const others = unusable.map(({ name, reason }) => ({ channel: name, ok: false, error: reason, tookMs: 0 }));
    return { results: [...sent, ...others] };
  }

  private async send(channel: string): Promise<Result> {
    const began = this.clock.monotonic();
    const took = () => Math.round(this.clock.monotonic() - began);
    try {
      await this.channels.send(channel, noticeOf(testNotice(this.bus.origin.instance, this.clock.now())));
    } catch (error) {
      return { channel, ok: false, error: (error as Error).message, tookMs: took() };
    }
    const tookMs = took();
    await this.database.transaction((tx) => this.health.succeeded(tx, channel));
    return { channel, ok: true, error: null, tookMs };
  }
}
