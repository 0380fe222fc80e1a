import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { type ledgerCorrect, PurserError, type ReplyOf, type RequestOf } from '@purser/contracts';
import type { Sql } from '@purser/database';
import { formatUsd, parseUsd } from '@purser/money';
import { Clock } from '@purser/service';
import { AlertsService } from '../alerts/alerts.service.js';
import type { Touched } from '../windows/window-changes.js';
import { WindowsRepository } from '../windows/windows.repository.js';
import { EntriesRepository } from './entries.repository.js';
import { LedgerRepository } from './ledger.repository.js';
import { SettlementService } from './settlement.service.js';

type Request = RequestOf<typeof ledgerCorrect>;
type Reply = ReplyOf<typeof ledgerCorrect>;

/**
 * A person knows better what something cost, from a bill perhaps: a presumed amount is released, a wrong price put right.
 * The ledger only grows, so what they say becomes an entry of the difference. It is an absolute figure, so that a doubled
 * request changes nothing.
 */
@Injectable()
export class CorrectionsService {
  constructor(
    private readonly settlement: SettlementService,
    private readonly entries: EntriesRepository,
    private readonly ledger: LedgerRepository,
    private readonly windows: WindowsRepository,
    private readonly alerts: AlertsService,
    private readonly clock: Clock,
  ) {}

  correct(request: Request): Promise<Reply> {
    return this.settlement.commit((tx, touched) => this.correctOnce(tx, touched, request));
  }

  private async correctOnce(tx: Sql, touched: Touched, request: Request): Promise<Reply> {
    const { attemptId, actualUsd, by, reason } = request;
    const now = this.clock.now();
    await this.windows.lockShaping(tx);
    const before = await this.entries.standing(tx, attemptId);
    if (before === undefined) {
      throw new PurserError('not_found', {
        message: `there is no attempt "${attemptId}" in the ledger (a correction is not corrected itself: correct its attempt again)`,
      });
    }
    const difference = parseUsd(actualUsd) - before;
    const figures = { attemptId, beforeUsd: formatUsd(before), actualUsd: formatUsd(parseUsd(actualUsd)) };
    if (difference === 0n) return { ...figures, correction: null };
    const id = `correction-${randomUUID()}`;
    const seq = await this.entries.correct(tx, { id, attemptId, difference, by, reason }, now);
    await this.settlement.charge(tx, touched, [seq], now);
    await this.windows.reconsider(tx, [...touched.windows]);
    await this.alerts.add(tx, {
      severity: 'info',
      kind: 'ledger_corrected',
      title: `${by} corrected attempt ${attemptId} from $${figures.beforeUsd} to $${figures.actualUsd}: ${reason}`,
      details: { ...figures, by, reason },
    });
    return { ...figures, correction: await this.ledger.entry(tx, seq) };
  }
}
