import { Injectable } from '@nestjs/common';
import type { Nano } from '@purser/money';
import { Clock } from '@purser/service';
import { SettlementService } from '../ledger/settlement.service.js';
import type { ConfiguredSource } from './configured-sources.js';
import { attemptsOf, type Change, counted, type Counting, type KnownRow, ownEntry, plan } from './counting.js';
import type { Period } from './period.js';
import type { BooksRow } from './reading.js';
import { ReconciliationService } from './reconciliation.service.js';
import { ReportedRepository } from './reported.repository.js';
import { ReportedSpendRepository } from './reported-spend.repository.js';
import { type SourceRow, SourcesRepository } from './sources.repository.js';

/** In one transaction: it holds the lock for shaping. */
const MOST_AT_ONCE = 400;

/** Another watchdog asks by now; what this one read is not taken. */
export class LeaseLost extends Error {}

/** Takes what books say into the ledger. */
@Injectable()
export class SourceBooks {
  constructor(
    private readonly settlement: SettlementService,
    private readonly sources: SourcesRepository,
    private readonly reported: ReportedRepository,
    private readonly spend: ReportedSpendRepository,
    private readonly reconciliation: ReconciliationService,
    private readonly clock: Clock,
  ) {}

  /** What asking cost is due whatever came of it: as an entry of its own, once. */
  async chargeOwn(
    { name, source }: ConfiguredSource,
    reading: { epoch: bigint; at: Date; nano: Nano; finality: 'final' | 'presumed' },
  ): Promise<void> {
    if (reading.nano <= 0n) return;
    const service = source.ownCosts?.service ?? `requests of ${name}`;
    await this.settlement.settleMade(async (tx) => {
      await this.sources.addOwnCost(tx, name, reading);
      return [ownEntry({ source: name, provider: source.provider, service }, reading)];
    });
  }

  /** @returns whether anything in the books is new. Throws when they cannot be believed, or the lease is lost. */
  async take(one: ConfiguredSource, row: SourceRow, period: Period, told: readonly BooksRow[]): Promise<boolean> {
    const { name, books, meteredServices, source } = one;
    const known = await this.reported.known(
      name,
      period,
      told.map(({ id }) => id),
    );
    refuseSilence(known, told);
    const byDay = await this.sources.ownByDay(name, period.from, period.to);
    const counting: Counting = {
      source: name,
      provider: source.provider,
      books,
      meteredServices,
      meteredSince: await this.sources.findMetered(name, source.provider),
      own: source.ownCosts && { inBooksAs: source.ownCosts.inBooksAs, byDay },
      observedAt: this.clock.now(),
      newsAt: row.news_at,
    };
    const made = plan(known, told, counting);
    await this.write(counting, row.epoch, made.changes);
    // Comparing reads much of the ledger: when there is something new to compare, and once a day.
    if (made.news || period.whole) await this.reconciliation.compare(one, counting, period);
    return made.news;
  }

  /** Rows and entries together, as long as nobody else asks by now. */
  private async write(counting: Counting, epoch: bigint, changes: readonly Change[]): Promise<void> {
    const name = counting.source;
    for (let from = 0; from < changes.length; from += MOST_AT_ONCE) {
      const part = changes.slice(from, from + MOST_AT_ONCE);
      await this.settlement.settleMade(async (tx) => {
        if (!(await this.sources.holds(tx, name, epoch))) throw new LeaseLost();
        const corrections = await this.reported.corrections(tx, part.flatMap(correctable(name)));
        const made = part.map((change) => counted(change, corrections.get(change.row.id) ?? 0n, counting));
        await this.reported.keep(
          tx,
          name,
          made.map(({ row }) => row),
          this.clock.now(),
        );
        const added = part.map((change) => change.added).filter((one) => one !== undefined);
        await this.spend.add(tx, name, added, this.clock.now());
        return made.map(({ entry }) => entry).filter((entry) => entry !== undefined);
      });
    }
  }
}

/** The entries of before, of a row that is to count something else. */
const correctable =
  (source: string) =>
  ({ row, difference }: Change): { row: string; attempt: string }[] =>
    difference === 0n ? [] : attemptsOf(row, source).map((attempt) => ({ row: row.id, attempt }));

/** Books that had rows and have none any more are broken, or were asked for the wrong thing: nothing is taken back for that. */
function refuseSilence(known: readonly KnownRow[], told: readonly BooksRow[]): void {
  const had = known.filter(({ amount }) => amount !== 0n).length;
  if (told.length === 0 && had > 0)
    throw new Error(
      `the books have no rows any more where they had ${had}; nothing is taken back for that. Check its configuration and what it may see`,
    );
}
