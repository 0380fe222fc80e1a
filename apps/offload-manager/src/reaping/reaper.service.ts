import { Inject, Injectable } from '@nestjs/common';
import { Clock, CONFIG, Log } from '@purser/service';
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

interface Pending {
  /** By the monotonic clock. */
  at: number;
  seen: Set<string>;
  /** Whether what is found is deleted: always when a person asked. */
  deletes: boolean;
}

/**
 * Looks at the platforms themselves, over all zones, for what carries this installation's label. What no record claims in two
 * looks a pause apart is billed and, once it is old enough, deleted; so is whatever is past its lifetime.
 */
@Injectable()
export class Reaper {
  private pending: Pending | undefined;
  private nextAt = -Infinity;

  constructor(
    private readonly drivers: ActiveDriver,
    private readonly records: VmRecords,
    private readonly strays: Strays,
    private readonly clock: Clock,
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: Settings,
  ) {}

  /** Often: does what is due. */
  async sweep(): Promise<void> {
    const now = this.clock.monotonic();
    if (this.pending && this.pending.at <= now) await this.secondLook(this.pending);
    else if (!this.pending && this.nextAt <= now) await this.look(this.config.ENABLE_AUTO_CLEANUP);
  }

  /** The first look, now. The second one follows by itself. */
  async look(deletes = true): Promise<{ found: Judged[]; secondLookAt: Date }> {
    const pauseMs = this.config.PURSER_REAP_PAUSE_SECONDS * 1_000;
    const found = await this.unclaimed();
    this.nextAt = this.clock.monotonic() + this.config.CLEANUP_CHECK_INTERVAL_HOURS * 3_600_000;
    const seen = new Set(found.map((one) => this.strays.idOf(one)));
    this.pending = found.length === 0 ? undefined : { at: this.clock.monotonic() + pauseMs, seen, deletes };
    return { found, secondLookAt: new Date(this.clock.now().getTime() + pauseMs) };
  }

  private async secondLook({ seen, deletes }: Pending): Promise<void> {
    const again = (await this.unclaimed()).filter((one) => seen.has(this.strays.idOf(one)));
    this.pending = undefined;
    for (const one of again) {
      const stray = await this.strays.note(one);
      if (!stray) continue;
      const goes = deletes && one.verdict !== 'watched' && !this.config.HYBRID_ORCHESTRATION_DRY_RUN;
      if (goes) await this.strays.reap(stray, one.reason);
      else
        this.log.info({ ...stray, verdict: one.verdict }, 'left alone by the reaper: too young, or it may not delete');
    }
  }

  /** All or an error: of a platform that does not answer nothing is known, and the others' are looked at all the same. */
  private async unclaimed(): Promise<Judged[]> {
    const installation = await this.records.installation();
    const found: Judged[] = [];
    for (const driver of this.drivers.all()) {
      try {
        // The records after the platform: what was created meanwhile is claimed by then.
        const resources = await driver.list(installation, { signal: AbortSignal.timeout(PACE.callMs) });
        found.push(...(await this.strays.judge(driver.provider, resources)));
      } catch (error) {
        this.log.warn({ error, provider: driver.provider }, 'a platform could not be searched for forgotten VMs');
      }
    }
    return found.filter(({ verdict }) => verdict !== 'claimed');
  }
}
