import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { PurserError } from '@purser/contracts';
import { Clock, Log } from '@purser/service';
import { type ConfiguredSource, ConfiguredSources } from './configured-sources.js';
import { SourceNews } from './source-news.service.js';
import { SourceTurn } from './source-turn.service.js';
import { type SourceRow, SourcesRepository } from './sources.repository.js';

/** How often sources that are not due are looked at: for what other watchdogs found, and what went stale meanwhile. */
const LOOK_MS = 10_000;

/** Asks each source when it is due; of several watchdogs one does. */
@Injectable()
export class SourcePoller implements OnModuleDestroy {
  private readonly asking = new Map<string, Promise<void>>();
  private lookAt = -Infinity;
  private stopped = false;

  constructor(
    private readonly configured: ConfiguredSources,
    private readonly sources: SourcesRepository,
    private readonly turn: SourceTurn,
    private readonly news: SourceNews,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** Starts what is due, without waiting for it: a slow source holds up no other. */
  async poll(): Promise<void> {
    const { all } = this.configured;
    if (all.length === 0 || this.clock.monotonic() < this.lookAt) return;
    this.lookAt = this.clock.monotonic() + LOOK_MS;
    const names = all.map(({ name }) => name);
    let rows = await this.sources.all(names);
    if (rows.length < names.length) {
      await this.sources.add(names, this.clock.now());
      rows = await this.sources.all(names);
    }
    for (const one of all) {
      const row = rows.find(({ name }) => name === one.name);
      if (!row) continue;
      await this.look(one, row).catch((error: unknown) =>
        this.log.warn({ error, source: one.name }, 'a cost source could not be looked after'),
      );
    }
  }

  /** It is due now. Whichever watchdog sees that first asks it. */
  async hasten(name: string): Promise<{ name: string; askedFrom: string }> {
    const now = this.clock.now();
    const names = this.configured.all.map((one) => one.name);
    if (!names.includes(name))
      throw new PurserError('not_found', {
        message: `there is no cost source "${name}"; ${names.length === 0 ? 'none is configured' : `there are ${names.join(', ')}`}`,
      });
    await this.sources.add([name], now);
    await this.sources.hasten(name, now);
    this.lookAt = -Infinity;
    return { name, askedFrom: now.toISOString() };
  }

  /** Resolves once nothing is being asked. */
  async idle(): Promise<void> {
    await Promise.all(this.asking.values());
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    this.turn.stop();
    await this.idle();
  }

  private async look(one: ConfiguredSource, row: SourceRow): Promise<void> {
    await this.news.tell(one, row);
    if (this.stopped || row.due_at > this.clock.now() || this.asking.has(one.name)) return;
    const asking = this.turn
      .take(one)
      .catch((error: unknown) => this.log.warn({ error, source: one.name }, 'a cost source could not be taken in'))
      .finally(() => {
        this.asking.delete(one.name);
        // What came of it may have to be told.
        this.lookAt = -Infinity;
      });
    this.asking.set(one.name, asking);
  }
}
