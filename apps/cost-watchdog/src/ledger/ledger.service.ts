import { Injectable } from '@nestjs/common';
import {
  isPurserError,
  type ledgerModels,
  type ledgerQuery,
  type ledgerSum,
  type ReplyOf,
  type RequestOf,
  type Spend,
} from '@purser/contracts';
import { formatUsd, NANO_PER_USD, parseUsd } from '@purser/money';
import { Log, Metrics } from '@purser/service';
import { AlertsService } from '../alerts/alerts.service.js';
import { SpikeService } from '../emergency/spike.service.js';
import { LedgerRepository } from './ledger.repository.js';
import { SettlementService } from './settlement.service.js';

/** In one transaction: it holds the lock for shaping, and a delivery may bring 40,000. */
const MOST_AT_ONCE = 500;

@Injectable()
export class LedgerService {
  private readonly spent;

  constructor(
    private readonly settlement: SettlementService,
    private readonly ledger: LedgerRepository,
    private readonly spikes: SpikeService,
    private readonly alerts: AlertsService,
    private readonly log: Log,
    metrics: Metrics,
  ) {
    this.spent = metrics.counter('purser_spend_usd_total', 'Dollars settled in the ledger', ['provider', 'model']);
  }

  async record(spends: readonly Spend[]): Promise<void> {
    const sound: Spend[] = [];
    for (const spend of spends) {
      if (isNegative(spend)) await this.refuse(spend);
      else sound.push(spend);
    }
    const parts = [];
    for (let from = 0; from < sound.length; from += MOST_AT_ONCE) parts.push(sound.slice(from, from + MOST_AT_ONCE));
    await this.settleEach(parts);
    // What is settled must not come again for that: the next look is seconds away.
    await this.spikes.check().catch((error: unknown) => this.log.warn({ error }, 'spikes could not be looked for'));
  }

  /**
   * What cannot be settled must not keep out those that it was told together with. Passing trouble ends it at once, and
   * tells more than a defect before it: all of this comes again, and must not be given up for that defect alone.
   */
  private async settleEach(parts: readonly (readonly Spend[])[]): Promise<void> {
    const defects: unknown[] = [];
    for (const part of parts) {
      try {
        await this.settle(part);
      } catch (error) {
        if (isPassing(error)) throw error;
        defects.push(error);
      }
    }
    if (defects.length > 0) throw defects[0];
  }

  private async settle(spends: readonly Spend[]): Promise<void> {
    try {
      this.count(await this.settlement.settle(spends));
    } catch (error) {
      if (spends.length === 1 || isPassing(error)) throw error;
      const half = Math.ceil(spends.length / 2);
      await this.settleEach([spends.slice(0, half), spends.slice(half)]);
    }
  }

  private count(settled: readonly Spend[]): void {
    for (const { provider, model, amountUsd } of settled)
      this.spent.inc({ provider, model }, Number(parseUsd(amountUsd)) / Number(NANO_PER_USD));
  }

  /** A gateway meters what a call cost; money back is a correction, which a person makes. */
  private async refuse(spend: Spend): Promise<void> {
    await this.alerts.raise(
      {
        severity: 'warning',
        kind: 'spend_refused',
        title: `Gateway ${spend.gateway} reported a negative amount for attempt ${spend.attemptId}; it is not in the ledger`,
        details: { ...spend },
        about: spend.gateway,
      },
      `alert-spend-${spend.attemptId}`,
    );
  }

  async query(request: RequestOf<typeof ledgerQuery>): Promise<ReplyOf<typeof ledgerQuery>> {
    const found = await this.ledger.entries(request);
    const entries = found.slice(0, request.limit);
    return { entries, next: found.length > entries.length ? (entries.at(-1)?.seq ?? null) : null };
  }

  async sum({ by, ids }: RequestOf<typeof ledgerSum>): Promise<ReplyOf<typeof ledgerSum>> {
    const rows = new Map((await this.ledger.sums(by, ids)).map((row) => [row.id, row]));
    return {
      sums: ids.map((id) => {
        const row = rows.get(id);
        return {
          id,
          amountUsd: formatUsd(row?.amount ?? 0n),
          inputTokens: Number(row?.input_tokens ?? 0n),
          outputTokens: Number(row?.output_tokens ?? 0n),
          requests: Number(row?.requests ?? 0n),
        };
      }),
    };
  }

  async models({ tasks }: RequestOf<typeof ledgerModels>): Promise<ReplyOf<typeof ledgerModels>> {
    const rows = await this.ledger.models(tasks);
    return {
      sums: rows.map(({ task, provider, model, ...row }) => ({
        task,
        provider,
        model,
        amountUsd: formatUsd(row.amount),
        inputTokens: Number(row.input_tokens),
        outputTokens: Number(row.output_tokens),
        requests: Number(row.requests),
        latencyMs: Number(row.latency_ms),
      })),
    };
  }
}

const isPassing = (error: unknown): boolean => isPurserError(error) && error.retryable;
const isNegative = ({ amountUsd, holdUsd }: Spend): boolean => amountUsd.startsWith('-') || holdUsd.startsWith('-');
