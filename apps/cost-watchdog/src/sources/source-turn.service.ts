import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { Clock, Log } from '@purser/service';
import type { ConfiguredSource } from './configured-sources.js';
import { periodToRead } from './period.js';
import type { BooksRow } from './reading.js';
import { retryAfterMs } from './schedule.js';
import { LeaseLost, SourceBooks } from './source-books.service.js';
import { SourceReader } from './source-reader.service.js';
import { type Claim, SourcesRepository } from './sources.repository.js';

/** Longer than reading and writing take: who still holds it then is dead. */
const LEASE_MS = 300_000;

/** One source is asked once, by the one watchdog whose turn it is. */
@Injectable()
export class SourceTurn {
  constructor(
    private readonly sources: SourcesRepository,
    private readonly reader: SourceReader,
    private readonly books: SourceBooks,
    private readonly bus: Bus,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  async take(one: ConfiguredSource): Promise<void> {
    const now = this.clock.now();
    const until = new Date(now.getTime() + LEASE_MS);
    const claim = await this.sources.claim(one.name, this.bus.origin.instance, now, until);
    if (!claim) return;
    const period = periodToRead(now, claim.row.whole_at);
    try {
      const rows = await this.reader.read(one, claim, period);
      const news = await this.books.take(one, claim.row, period, rows);
      await this.succeeded(one, claim, { rows, news, whole: period.whole });
    } catch (error) {
      if (error instanceof LeaseLost) return;
      if (this.reader.signal.aborted) await this.sources.released(one.name, claim.row.epoch);
      else await this.failed(one, claim, error as Error);
    }
  }

  /** What is being read is given up, and soon over. */
  stop(): void {
    this.reader.stop();
  }

  private async succeeded(
    { name, source }: ConfiguredSource,
    { row }: Claim,
    { rows, news, whole }: { rows: readonly BooksRow[]; news: boolean; whole: boolean },
  ): Promise<void> {
    const at = this.clock.now();
    const ends = rows.map(({ to }) => Math.min(to.getTime(), at.getTime()));
    await this.sources.succeeded(name, row.epoch, {
      at,
      dueAt: new Date(at.getTime() + source.schedule.everySeconds * 1_000),
      whole,
      news,
      dataUpTo: ends.length === 0 ? null : new Date(ends.reduce((a, b) => Math.max(a, b))),
    });
    if (row.read_at === null || row.failures > 0)
      this.log.info({ source: name, rows: rows.length }, 'a cost source was read');
  }

  private async failed({ name, source }: ConfiguredSource, { row }: Claim, error: Error): Promise<void> {
    const at = this.clock.now();
    const failures = row.failures + 1;
    const dueAt = new Date(at.getTime() + retryAfterMs(source.schedule, failures));
    await this.sources.failed(name, row.epoch, { at, dueAt, error: error.message.slice(0, 2_000) });
    this.log.warn({ source: name, failures, dueAt, reason: error.message }, 'a cost source could not be read');
  }
}
