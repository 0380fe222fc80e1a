import { Injectable } from '@nestjs/common';
import type { CostReading } from '@purser/plugin-sdk';
import { Clock } from '@purser/service';
import type { ConfiguredSource } from './configured-sources.js';
import type { Period } from './period.js';
import { type BooksRow, ownCostOf, rowsOf } from './reading.js';
import { SourceBooks } from './source-books.service.js';
import type { Claim } from './sources.repository.js';

const READ_MS = 120_000;

/** Asks a plugin, and charges what that cost. */
@Injectable()
export class SourceReader {
  private readonly stopping = new AbortController();

  constructor(
    private readonly books: SourceBooks,
    private readonly clock: Clock,
  ) {}

  /** Aborted when the service stops; then nothing that fails is the source's fault. */
  get signal(): AbortSignal {
    return this.stopping.signal;
  }

  stop(): void {
    this.stopping.abort(new Error('the service stops'));
  }

  /** Rejects with what is wrong and how to mend it. What it cost is in the ledger afterwards, also then. */
  async read(one: ConfiguredSource, { row, abandoned }: Claim, period: Period): Promise<BooksRow[]> {
    const { epoch, last_own_nano } = row;
    // Nobody knows how far the one that died came: so much it usually costs.
    if (abandoned) await this.books.chargeOwn(one, { ...abandoned, nano: last_own_nano, finality: 'presumed' });
    const at = this.clock.now();
    let told: { rows: BooksRow[]; own: bigint };
    try {
      told = rowsOf(await this.inTime(one, period));
    } catch (error) {
      const own = ownCostOf(error);
      const nano = own ?? (one.source.ownCosts ? last_own_nano : 0n);
      await this.books.chargeOwn(one, { epoch, at, nano, finality: own === undefined ? 'presumed' : 'final' });
      throw error;
    }
    await this.books.chargeOwn(one, { epoch, at, nano: told.own, finality: 'final' });
    return told.rows;
  }

  /** Also of a plugin that heeds no signal. One that does says what it cost by then, so it has the first word. */
  private async inTime({ source }: ConfiguredSource, { from, to }: Period): Promise<CostReading> {
    const late = AbortSignal.timeout(READ_MS);
    const signal = AbortSignal.any([this.signal, late]);
    let stop: (() => void) | undefined;
    const stopped = new Promise<never>((_resolve, reject) => {
      stop = () => void setTimeout(() => reject(reasonOf(signal, late)), 100);
      signal.addEventListener('abort', stop, { once: true });
    });
    try {
      signal.throwIfAborted();
      return await Promise.race([source.read({ from, to }, { signal }), stopped]);
    } finally {
      if (stop) signal.removeEventListener('abort', stop);
    }
  }
}

const reasonOf = (signal: AbortSignal, late: AbortSignal): Error =>
  late.aborted ? new Error(`no answer within ${READ_MS / 1_000} s; it is asked again later`) : (signal.reason as Error);
