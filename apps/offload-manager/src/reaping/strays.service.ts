import { Inject, Injectable } from '@nestjs/common';
import { type Fact, type StrayResource, vmOrphaned, vmReaped } from '@purser/contracts';
import { Database, type Sql } from '@purser/database';
import type { ComputeDriver, ComputeResource } from '@purser/plugin-sdk';
import { Clock, CONFIG, Latch, Log, Outbox } from '@purser/service';
import type { Config } from '../config.js';
import { resourceId } from '../money/spend-of.js';
import { Platform } from '../vms/platform.js';
import { strayOf, type StrayRow } from './stray-row.js';
import { StraysRepository } from './strays.repository.js';
import { expiryOf, judge, type Judged } from './verdict.js';

/** What is there without a record that claims it: written down, so that it is billed and deleted, over restarts. */
@Injectable()
export class Strays {
  private readonly open: () => Promise<StrayRow[]>;

  constructor(
    private readonly database: Database,
    private readonly rows: StraysRepository,
    private readonly platform: Platform,
    private readonly outbox: Outbox,
    private readonly latch: Latch,
    private readonly clock: Clock,
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: Pick<Config, 'ORPHANED_VM_MAX_AGE_HOURS' | 'HYBRID_ORCHESTRATION_DRY_RUN'>,
  ) {
    // Of those that are there, it changes without being told what is to become of them.
    this.open = database.whileUnchanged(
      ['strays'],
      () => rows.open(database),
      (open) => open.length === 0,
    );
  }

  idOf({ provider, resource: { kind, zone, name, createdAt } }: Pick<Judged, 'provider' | 'resource'>): string {
    return resourceId(provider, kind, zone, name, createdAt);
  }

  /** In an emergency nothing is too young. */
  async judge(
    { provider, place }: Pick<ComputeDriver, 'provider' | 'place'>,
    resources: readonly ComputeResource[],
  ): Promise<Judged[]> {
    const claims = await this.rows.claims(this.database);
    const orphanMs = this.latch.latest?.active === true ? 0 : this.config.ORPHANED_VM_MAX_AGE_HOURS * 3_600_000;
    const now = this.clock.now();
    return resources.map((resource) => judge({ provider, place }, resource, claims, { now, orphanMs }));
  }

  async list(): Promise<StrayResource[]> {
    return (await this.rows.open(this.database)).map(strayOf);
  }

  /**
   * Seen twice. What a record still claims, and is over its age, is billed by that record. Undefined for what is gone, and is
   * only still listed: lists hear of a deletion late.
   */
  async note(judged: Judged): Promise<StrayRow | undefined> {
    const { kind, name, zone, createdAt } = judged.resource;
    const there = await this.platform.get(judged, { kind, name, zone });
    return there?.createdAt.getTime() === createdAt.getTime() ? this.write(judged) : undefined;
  }

  /** In an emergency: what no record claims is given up at once, so that it is tried again until it is gone. */
  async condemn(driver: ComputeDriver, resources: readonly ComputeResource[], reason: string): Promise<void> {
    if (this.config.HYBRID_ORCHESTRATION_DRY_RUN) return;
    for (const judged of await this.judge(driver, resources))
      if (judged.verdict !== 'claimed') {
        const { id } = await this.write({ ...judged, reason });
        await this.rows.reap(this.database, id, reason, this.clock.now());
      }
  }

  private async write(judged: Judged): Promise<StrayRow> {
    const { provider, place, resource, reason } = judged;
    const { kind, name, zone, createdAt, machineType, spot = false, diskGb = 0 } = resource;
    const now = this.clock.now();
    const claims = await this.rows.claims(this.database);
    const claimed = claims.some((claim) => claim.name === name && claim.zone === zone);
    const billed = kind === 'vm' ? await this.rows.billedUntil(this.database, name, zone) : null;
    const row: StrayRow = {
      id: this.idOf(judged),
      provider,
      place,
      kind,
      name,
      zone,
      machine_type: machineType ?? null,
      spot,
      disk_gb: diskGb,
      running: resource.state !== 'stopped',
      created_at: createdAt,
      first_seen_at: now,
      seen_at: now,
      expires_at: expiryOf(resource) ?? null,
      reaped_at: null,
      gone_at: null,
      reason,
      cost_nano: 0n,
      billed_until: billed ?? createdAt,
    };
    if (claimed) return row;
    await this.changing(async (tx) => {
      const added = await this.rows.add(tx, row);
      if (added) await this.outbox.add<Fact>(tx, vmOrphaned, row.id, strayOf(row));
    });
    void this.outbox.flush();
    return row;
  }

  private changing(work: (tx: Sql) => Promise<void>): Promise<void> {
    return this.database.changing(['strays'], () => this.database.transaction(work));
  }

  /** Deleted, and seen to be gone; else it is tried again by `watch`. */
  async reap(stray: StrayRow, reason: string): Promise<void> {
    const { id, provider, kind, name, zone } = stray;
    this.log.warn({ provider, kind, name, zone, reason }, 'deleting what must not be there');
    await this.rows.reap(this.database, id, reason, this.clock.now());
    await this.delete(stray, reason).catch((error: unknown) =>
      this.log.warn({ error, provider, kind, name, zone }, 'what must not be there was not deleted yet; trying on'),
    );
  }

  /** Those that are known: seen to be gone, they cost nothing more; given up for deletion, they are deleted. */
  async watch(): Promise<void> {
    for (const stray of await this.open()) {
      const { provider, kind, name, zone } = stray;
      try {
        const resource = await this.platform.get(stray, { kind, name, zone });
        if (resource === undefined || resource.createdAt.getTime() !== stray.created_at.getTime())
          await this.gone(stray, stray.reason);
        else {
          await this.rows.saw(this.database, stray.id, resource.state !== 'stopped', this.clock.now());
          if (stray.reaped_at !== null && !this.config.HYBRID_ORCHESTRATION_DRY_RUN)
            await this.delete(stray, stray.reason);
        }
      } catch (error) {
        this.log.warn(
          { error, provider, kind, name, zone },
          'what must not be there could not be looked after; trying on',
        );
      }
    }
  }

  private async delete(stray: StrayRow, reason: string): Promise<void> {
    const { kind, name, zone } = stray;
    await this.platform.delete(stray, { kind, name, zone });
    if ((await this.platform.get(stray, { kind, name, zone })) === undefined) await this.gone(stray, reason);
  }

  private async gone(stray: StrayRow, reason: string): Promise<void> {
    const now = this.clock.now();
    await this.changing(async (tx) => {
      const known = await this.rows.isGone(tx, stray.id, now);
      // One that its record claims has no row here; it is told all the same.
      const row = known ?? { ...stray, gone_at: now };
      await this.outbox.add<Fact>(tx, vmReaped, row.id, strayOf({ ...row, reason }), `reaped-${row.id}`);
    });
    void this.outbox.flush();
  }
}
