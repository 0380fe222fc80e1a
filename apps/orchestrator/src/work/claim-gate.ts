import { Injectable } from '@nestjs/common';
import { Clock, Latch } from '@purser/service';
import { type ClaimRequest, ClaimsRepository } from './claims.repository.js';
import { Nudge } from './nudge.js';
import { type Sight, WorkRepository } from './work.repository.js';

/** A sweep looks more often; without one, as while Postgres is away, what it saw counts no longer. */
const BELIEVED_MS = 3_000;
/** Sets of executors that runners have; far more than there are. */
const MOST_KINDS = 1_000;

/** So much after it was given work a runner that is busy is given more: all that became ready, or free, meanwhile. */
const GATHER_MS = 4;
const MOST_RUNNERS = 10_000;

/** Tells apart the claims that are worth a transaction: an idle runner's polls cost Postgres nothing. */
@Injectable()
export class ClaimGate {
  /** Counts what was heard of new work. */
  private news = 0;
  /** Up to which news there was nothing to hand out at all, and when that was seen. */
  private nothing: { news: number; at: number } | undefined;
  /** Tasks with limited labels waited at the last look, or were set aside since: claims need not look for them otherwise. */
  limitedWait = true;
  /** By executors: up to which news a claim got less than it asked for. */
  private readonly short = new Map<string, number>();
  /** By runner: when it was given work, and for how many slots it has asked at most. */
  private readonly gaveTo = new Map<string, { at: number; most: number }>();

  constructor(
    private readonly latch: Latch,
    private readonly claims: ClaimsRepository,
    private readonly work: WorkRepository,
    nudge: Nudge,
    private readonly clock: Clock,
  ) {
    nudge.whenReady(() => this.heard());
  }

  /** What is true now is so up to here. */
  get latestNews(): number {
    return this.news;
  }

  /** There may be work. */
  heard(): void {
    this.news += 1;
  }

  /** A look at the tasks; when none could be handed out, claims are told so without asking Postgres, until news come. */
  async look(): Promise<Sight> {
    const { news } = this;
    const sight = await this.work.look();
    this.limitedWait = sight.anyLimited;
    this.nothing = sight.anyReady ? undefined : { news, at: this.clock.monotonic() };
    return sight;
  }

  /** Nothing can have changed since the last look. */
  nothingStill(): void {
    if (this.nothing?.news === this.news) this.nothing.at = this.clock.monotonic();
  }

  cameShort({ executors }: ClaimRequest, news: number): void {
    if (this.short.size >= MOST_KINDS) this.short.clear();
    this.short.set(executors.join(), news);
  }

  gave({ runner, slots }: ClaimRequest): void {
    const most = Math.max(slots, this.gaveTo.get(runner)?.most ?? 0);
    if (this.gaveTo.size >= MOST_RUNNERS) this.gaveTo.clear();
    this.gaveTo.set(runner, { at: this.clock.monotonic(), most });
  }

  async mayGive(asked: ClaimRequest): Promise<boolean> {
    const before = this.gaveTo.get(asked.runner);
    const early = before && asked.slots < before.most ? before.at + GATHER_MS - this.clock.monotonic() : 0;
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
    if (this.latch.isSet) return false;
    // One that is asked again may have been given something before.
    if (asked.again) return true;
    const { nothing } = this;
    if (nothing?.news === this.news && this.clock.monotonic() - nothing.at < BELIEVED_MS) return false;
    if (this.short.get(asked.executors.join()) !== this.news) return true;
    return this.claims.mayGive(asked);
  }
}
