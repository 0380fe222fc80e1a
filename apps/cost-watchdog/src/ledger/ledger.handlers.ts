import { Controller } from '@nestjs/common';
import { Consume, Serve } from '@purser/bus';
import {
  ledgerCorrect,
  ledgerModels,
  ledgerQuery,
  ledgerSum,
  type ReplyOf,
  type RequestOf,
  type SpendBatch,
  spendRecorded,
} from '@purser/contracts';
import { CorrectionsService } from './corrections.service.js';
import { LedgerService } from './ledger.service.js';

@Controller()
export class LedgerHandlers {
  constructor(
    private readonly ledger: LedgerService,
    private readonly corrections: CorrectionsService,
  ) {}

  @Consume(spendRecorded, { durable: 'ledger', batch: 200 })
  record(batches: SpendBatch[]): Promise<void> {
    return this.ledger.record(batches.flatMap(({ spends }) => spends));
  }

  @Serve(ledgerQuery)
  query(request: RequestOf<typeof ledgerQuery>): Promise<ReplyOf<typeof ledgerQuery>> {
    return this.ledger.query(request);
  }

  @Serve(ledgerSum)
  sum(request: RequestOf<typeof ledgerSum>): Promise<ReplyOf<typeof ledgerSum>> {
    return this.ledger.sum(request);
  }

  @Serve(ledgerModels)
  models(request: RequestOf<typeof ledgerModels>): Promise<ReplyOf<typeof ledgerModels>> {
    return this.ledger.models(request);
  }

  @Serve(ledgerCorrect)
  correct(request: RequestOf<typeof ledgerCorrect>): Promise<ReplyOf<typeof ledgerCorrect>> {
    return this.corrections.correct(request);
  }
}
