import { Controller } from '@nestjs/common';
import { Consume, Serve } from '@purser/bus';
import {
  costsSummary,
  ledgerQuery,
  ledgerSum,
  type ReplyOf,
  type RequestOf,
  type SpendBatch,
  spendRecorded,
} from '@purser/contracts';
import { LedgerService } from './ledger.service.js';

@Controller()
export class LedgerHandlers {
  constructor(private readonly ledger: LedgerService) {}

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

  @Serve(costsSummary)
  costs(): Promise<ReplyOf<typeof costsSummary>> {
    return this.ledger.costs();
  }
}
