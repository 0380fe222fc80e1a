import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Log } from '@purser/service';
import { Ladders } from '../models/ladders.js';
import { PriceTable } from './price-table.js';
import { PriceWarnings } from './price-warnings.js';
import { PricesRepository } from './prices.repository.js';

const EVERY_MS = 1_000;

/** Takes over what is set at any gateway, and says loudly what looks mistyped. */
@Injectable()
export class PricesFollower implements OnApplicationBootstrap, OnModuleDestroy {
  private version = 0n;
  private reading: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private told: ReadonlySet<string> = new Set();

  constructor(
    private readonly repository: PricesRepository,
    private readonly prices: PriceTable,
    private readonly ladders: Ladders,
    private readonly warnings: PriceWarnings,
    private readonly log: Log,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.refresh();
    this.warn();
    this.timer = setInterval(() => {
      // The prices that are known go on to count while the database is away.
      this.follow().catch((error: unknown) => this.log.debug({ error }, 'set prices cannot be read now'));
    }, EVERY_MS);
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** Resolves when all that was set before is in the table. */
  async refresh(): Promise<void> {
    // A reading that is under way may have begun before the last row was written.
    await this.reading?.catch(() => undefined);
    this.reading ??= this.read().finally(() => (this.reading = undefined));
    await this.reading;
  }

  private async follow(): Promise<void> {
    if ((await this.repository.heardVersion()) !== this.version) await this.refresh();
  }

  private async read(): Promise<void> {
    const version = await this.repository.version();
    if (version === this.version) return;
    const { prices, unreadable } = await this.repository.current();
    this.prices.take(prices, unreadable);
    this.ladders.reprice();
    this.version = version;
    this.warn();
  }

  /** Each once, until it has gone. */
  private warn(): void {
    const warnings = new Set(this.warnings.all());
    for (const warning of warnings) if (!this.told.has(warning)) this.log.warn({ warning }, 'a price looks wrong');
    this.told = warnings;
  }
}
