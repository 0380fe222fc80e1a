import { Inject, Injectable } from '@nestjs/common';
import { Clock, CONFIG, Latch, Log } from '@purser/service';
import type { Config } from '../config.js';
import { VmRecords } from '../vms/vm-records.js';
import { ActiveDriver } from '../vms/active-driver.js';
import { PACE } from '../vms/pace.js';
import { Strays } from './strays.service.js';
import type { Judged } from './verdict.js';

type Settings = Pick<
  Config,
  'PURSER_REAP_PAUSE_SECONDS' | 'CLEANUP_CHECK_INTERVAL_HOURS' | 'ENABLE_AUTO_CLEANUP' | 'HYBRID_ORCHESTRATION_DRY_RUN'
>;

/** After a look that was not a whole one, and while there is an emergency. */
const SOON_MS = 60_000;

interface Pending {
  /** By the monotonic clock. */
  at: number;
  /** What was found, by its id, and whether it is deleted: always when a person asked at that look. */
  seen: Map<string, boolean>;
  /** The second look was taken, and not all could be seen or taken up. */
  tried?: boolean;
}

/**
 * Looks at the platforms themselves, over all zones, for what carries this installation's label. What no record claims in two
 * looks a pause apart is billed and, once it is old enough, deleted; so is whatever is past its lifetime.
 */
@Injectable()
export class Reaper {
  private pending: Pending | undefined;
  private nextAt = -Infinity;
  private lookedAt = -Infinity;

  constructor(
    private readonly drivers: ActiveDriver,
    private readonly records: VmRecords,
    private readonly strays: Strays,
    private readonly latch: Latch,
    private readonly clock: Clock,
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: Settings,
  ) {}

  /** Often: does what is due. */
  async sweep(): Promise<void> {
    const now = this.clock.monotonic();
    if (this.pending && this.pending.at <= now) await this.secondLook(this.pending);
    else if (
      (!this.pending || this.pending.tried) &&
      Math.min(this.nextAt, this.emergency ? this.lookedAt + SOON_MS : Infinity) <= now
    )
      await this.look(this.config.ENABLE_AUTO_CLEANUP || this.emergency);
  }

  /** The first look, now. The second one follows by itself. */
  async look(deletes = true): Promise<{ found: Judged[]; secondLookAt: Date }> {
    const pauseMs = this.config.PURSER_REAP_PAUSE_SECONDS * 1_000;
    const { found, whole } = await this.unclaimed();
    this.lookedAt = this.clock.monotonic();
    const intervalMs = this.config.CLEANUP_CHECK_INTERVAL_HOURS * 3_600_000;
    this.nextAt = this.lookedAt + (whole ? intervalMs : Math.min(Math.max(SOON_MS, pauseMs), intervalMs));
    const left = this.pending?.tried ? this.pending : undefined;
    const seen = new Map(left?.seen);
    for (const id of found.map((one) => this.strays.idOf(one))) seen.set(id, deletes || seen.get(id) === true);
    this.pending = seen.size === 0 ? undefined : { at: this.lookedAt + pauseMs, seen };
    return { found, secondLookAt: new Date(this.clock.now().getTime() + pauseMs) };
  }

  /** What could not be looked at, or not be written down, is looked at again in a while. */
  private async secondLook(pending: Pending): Promise<void> {
    const { seen } = pending;
    Object.assign(pending, { at: this.clock.monotonic() + SOON_MS, tried: true });
    const { found, whole } = await this.unclaimed();
    let failed = !whole;
    for (const one of found) {
      const deletes = seen.get(this.strays.idOf(one));
      if (deletes === undefined) continue;
      try {
        await this.take(one, deletes);
      } catch (error) {
        failed = true;
        const { kind, name, zone } = one.resource;
        this.log.warn(
          { error, provider: one.provider, kind, name, zone },
          'what was found was not taken up; trying on',
        );
      }
    }
    // Unless somebody has asked for another look meanwhile.
    if (!failed && this.pending === pending) this.pending = undefined;
  }

  private async take(one: Judged, deletes: boolean): Promise<void> {
    const stray = await this.strays.note(one);
    if (!stray) return;
    const goes = deletes && one.verdict !== 'watched' && !this.config.HYBRID_ORCHESTRATION_DRY_RUN;
    if (goes) await this.strays.reap(stray, one.reason);
    else this.log.info({ ...stray, verdict: one.verdict }, 'left alone by the reaper: too young, or it may not delete');
  }

  private get emergency(): boolean {
    return this.latch.latest?.active === true;
  }

  /** Of a platform that does not answer nothing is known: then it is no whole look. The others' are looked at all the same. */
  private async unclaimed(): Promise<{ found: Judged[]; whole: boolean }> {
    const installation = await this.records.installation();
    const found: Judged[] = [];
    let whole = true;
    for (const driver of this.drivers.all()) {
      try {
        // The records after the platform: what was created meanwhile is claimed by then.
        const resources = await driver.list(installation, { signal: AbortSignal.timeout(PACE.callMs) });
        found.push(...(await this.strays.judge(driver, resources)));
      } catch (error) {
        whole = false;
        this.log.warn({ error, provider: driver.provider }, 'a platform could not be searched for forgotten VMs');
      }
    }
    return { found: found.filter(({ verdict }) => verdict !== 'claimed'), whole };
  }
}
