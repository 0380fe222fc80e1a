import { Injectable } from '@nestjs/common';
import { formatUsd, minNano, type Nano, raisedSafety } from '@purser/money';
import { Clock, Log } from '@purser/service';
import { Experience } from '../experience/experience.service.js';
import { HoldWriter } from '../journal/hold-writer.js';
import { Journal } from '../journal/journal.js';
import type { HeldCall } from '../journal/records.js';
import { Settlements } from '../journal/settlements.js';
import type { Caller } from '../keys/authenticator.js';
import { LeaseClient } from '../leases/lease-client.js';
import type { Hold } from '../leases/wallet.js';
import type { Tier } from '../models/ladders.js';
import { firstPaid } from './first-paid.js';
import { newId } from './ids.js';
import { type Ending, settle, type Settlement, type Terms } from './settlement-rules.js';

/** One call to one provider, from its hold to its settlement. */
export interface Attempt {
  readonly tier: Tier;
  readonly held: HeldCall;
  readonly hold: Hold | undefined;
  readonly terms: Terms;
  readonly startedAt: number;
  settlement: Settlement | undefined;
  /** How long it took; known with the settlement. */
  latencyMs: number;
}

const NOTHING = { inputTokens: 0, outputTokens: 0, cachedTokens: 0, latencyMs: 0 };

/** A paid call was not made, since its hold could not be written down. */
export class JournalUnwritable extends Error {}

/** Whose call an attempt belongs to. */
export interface CallIdentity {
  callId: string;
  caller: Caller;
  capability: string | null;
}

/** Writes down what every attempt costs: before it is made and after it has ended. */
@Injectable()
export class Meter {
  private readonly holds: HoldWriter;

  constructor(
    private readonly leases: LeaseClient,
    private readonly journal: Journal,
    private readonly settlements: Settlements,
    private readonly experience: Experience,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {
    this.holds = new HoldWriter(journal);
  }

  /** Must be followed by `end` in any case. Only what is paid for can be lost, so only that is journaled here; rejects with JournalUnwritable. */
  begin(
    tier: Tier,
    { callId, caller, capability }: CallIdentity,
    hold: Hold | undefined,
    terms: Terms,
  ): Attempt | Promise<Attempt> {
    const now = this.clock.now();
    const held: HeldCall = {
      attemptId: newId('attempt', now),
      callId,
      gateway: this.journal.gateway,
      provider: tier.provider,
      model: tier.model,
      tier: tier.name,
      capability,
      key: caller.key,
      project: caller.project,
      task: caller.task,
      session: caller.session,
      ...(caller.ancestors && { ancestors: [...caller.ancestors] }),
      holdUsd: formatUsd(terms.hold),
      windows: hold ? hold.windows.slice() : [],
      priceRow: tier.priceRow,
      usageAt: now.toISOString(),
    };
    const attempt = { tier, held, hold, terms, startedAt: this.clock.monotonic(), settlement: undefined, latencyMs: 0 };
    return hold ? this.writtenDown(attempt, hold) : attempt;
  }

  /** Settles an attempt, once; returns what it cost. */
  end(attempt: Attempt, ending: Ending): Nano {
    if (attempt.settlement) return attempt.settlement.amount;
    const settlement = settle(attempt.terms, ending);
    attempt.settlement = settlement;
    attempt.latencyMs = this.elapsed(attempt);
    const { amount, ...outcome } = settlement;
    this.settlements.add(
      {
        ...attempt.held,
        ...outcome,
        ...firstPaid(attempt, ending, amount),
        amountUsd: formatUsd(amount),
        latencyMs: attempt.latencyMs,
      },
      minNano(amount, attempt.terms.hold),
    );
    if (attempt.hold) this.leases.wallet.settle(attempt.hold, amount);
    if (amount > attempt.terms.hold) this.billedTooMuch(attempt, amount);
    return amount;
  }

  elapsed({ startedAt }: Attempt): number {
    return Math.round(this.clock.monotonic() - startedAt);
  }

  /** A call that was in flight when this gateway was killed: nobody knows how it ended. */
  presume(held: HeldCall): void {
    this.settlements.add({ ...held, ...NOTHING, amountUsd: held.holdUsd, finality: 'presumed', outcome: 'unknown' });
  }

  /** A call that nobody would remember after a crash is not made. */
  private async writtenDown(attempt: Attempt, hold: Hold): Promise<Attempt> {
    try {
      await this.holds.write(attempt.held);
      return attempt;
    } catch (cause) {
      this.leases.wallet.settle(hold, 0n);
      throw new JournalUnwritable(
        `the gateway's journal cannot be written (${(cause as Error).message}); is its disk full?`,
        { cause },
      );
    }
  }

  /** The one way past a limit: it is recorded in full, and the model's later holds are larger. */
  private billedTooMuch({ tier, terms, held }: Attempt, amount: Nano): void {
    const { provider, model } = tier;
    const permille = raisedSafety(this.experience.safetyOf(provider, model), terms.hold, amount);
    this.experience.raiseSafety(provider, model, permille);
    const beyond = formatUsd(amount - minNano(terms.hold, amount));
    this.log.warn(
      {
        attemptId: held.attemptId,
        provider,
        model,
        holdUsd: held.holdUsd,
        beyondUsd: beyond,
        safetyPermille: permille,
      },
      'a provider billed more than was held',
    );
  }
}
