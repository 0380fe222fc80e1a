import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Clock, Log } from '@purser/service';
import type { ModelCall } from '../calls/model-call.js';
import type { Settlement } from '../calls/settlement-rules.js';
import { type TierQuota, usedOf, worstOf } from './free-quota.js';
import { QuotasRepository } from './quotas.repository.js';

/** This gateway's part of a quota in one window. */
interface Slice {
  startsAt: string;
  /** By the monotonic clock. */
  endsAt: number;
  left: bigint;
}

interface Refused {
  need: bigint;
  until: number;
  /** When the quota begins anew. */
  endsAt: number;
}

interface QuotaRefusal {
  ok: false;
  reason: string;
  /** Undefined where time does not mend it. */
  retryAfterMs?: number;
}

export type QuotaOutcome =
  { ok: true; /** Once, with what was used in the end. */ settle(used: bigint): void } | QuotaRefusal;

/** What one call has of a free quota; to be settled or released. */
export interface QuotaShare {
  settle(settlement: Settlement): void;
  release(): void;
}

/** A slice is this part of a quota, at least what is needed: what a gateway that is killed loses of it. */
const SLICE = 50n;
/** A "no" is believed so long: other gateways may give something back. */
const BELIEVED_MS = 2_000;
const AWAY_MS = 2_000;

/** Counts what is free of charge over all gateways and restarts. What is taken and not used comes back at a graceful stop; never the other way round. */
@Injectable()
export class Quotas implements OnModuleDestroy {
  private readonly slices = new Map<string, Slice>();
  private readonly refused = new Map<string, Refused>();

  constructor(
    private readonly repository: QuotasRepository,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** The most that a call may take of it, so that it is never passed. */
  async share(
    quota: TierQuota,
    call: Pick<ModelCall, 'bounds' | 'choices'>,
    maxOutputTokens: number,
  ): Promise<{ ok: true; share: QuotaShare } | QuotaRefusal> {
    const worst = worstOf(quota, call, maxOutputTokens);
    if (worst === undefined) return { ok: false, reason: 'its free dollars need a price to be counted at' };
    const taken = await this.take(quota, worst);
    if (!taken.ok) return taken;
    const settle = (settlement: Settlement) => taken.settle(usedOf(quota, settlement, worst));
    return { ok: true, share: { settle, release: () => taken.settle(0n) } };
  }

  async take(quota: TierQuota, need: bigint): Promise<QuotaOutcome> {
    const held = this.takeFromHand(quota.name, need);
    if (held) return held;
    const now = this.clock.monotonic();
    const refused = this.refused.get(quota.name);
    if (refused && need >= refused.need && now < refused.until) return this.usedUp(quota, refused.endsAt - now);
    try {
      return await this.fetch(quota, need);
    } catch (error) {
      this.log.debug({ error }, 'a free quota cannot be counted now');
      return { ok: false, reason: 'its free quota cannot be counted now', retryAfterMs: AWAY_MS };
    }
  }

  async onModuleDestroy(): Promise<void> {
    const rests = [...this.slices].filter(([, { left }]) => left > 0n);
    this.slices.clear();
    const given = await Promise.allSettled(
      rests.map(([name, { startsAt, left }]) => this.repository.giveBack(name, startsAt, left)),
    );
    for (const result of given)
      if (result.status === 'rejected')
        this.log.debug({ error: result.reason as unknown }, 'a rest of a free quota is lost');
  }

  private async fetch(quota: TierQuota, need: bigint): Promise<QuotaOutcome> {
    const { name, limit } = quota;
    const inHand = this.current(name)?.left ?? 0n;
    const lacking = need - inHand;
    const want = lacking > limit / SLICE ? lacking : limit / SLICE;
    const answer = await this.repository.take(quota, lacking, want);
    const now = this.clock.monotonic();
    if (!answer) return { ok: false, reason: 'its free quota begins anew', retryAfterMs: 1_000 };
    if (answer.given === 0n) {
      // The calls that were in flight may have given back enough meanwhile.
      const held = this.takeFromHand(name, need);
      if (held) return held;
      const wait = need > limit ? answer.endsInMs : Math.min(answer.endsInMs, BELIEVED_MS);
      this.refused.set(name, { need, until: now + wait, endsAt: now + answer.endsInMs });
      return this.usedUp(quota, answer.endsInMs);
    }
    const slice = this.current(name);
    if (slice?.startsAt === answer.startsAt) slice.left += answer.given;
    else this.slices.set(name, { startsAt: answer.startsAt, endsAt: now + answer.endsInMs, left: answer.given });
    return this.takeFromHand(name, need) ?? this.usedUp(quota, answer.endsInMs);
  }

  private takeFromHand(name: string, need: bigint): QuotaOutcome | undefined {
    const slice = this.current(name);
    if (!slice || slice.left < need) return undefined;
    slice.left -= need;
    let settled = false;
    return {
      ok: true,
      settle: (used) => {
        if (!settled) slice.left += need - used;
        settled = true;
      },
    };
  }

  private current(name: string): Slice | undefined {
    const slice = this.slices.get(name);
    return slice && slice.endsAt > this.clock.monotonic() ? slice : undefined;
  }

  private usedUp({ per, unit }: TierQuota, ms: number): QuotaRefusal {
    const until = new Date(this.clock.now().getTime() + ms).toISOString().replace(/\.\d+/, '');
    return {
      ok: false,
      reason: `its free ${unit === 'usd' ? 'dollars' : unit} of this ${per} do not cover the call until ${until}`,
      retryAfterMs: Math.max(1, Math.ceil(ms)),
    };
  }
}
