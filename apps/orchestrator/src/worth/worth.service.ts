import { Injectable } from '@nestjs/common';
import {
  type Prediction,
  PurserError,
  type recordsList,
  type ReplyOf,
  type RequestOf,
  type Task,
  type TaskRecord,
  type TaskSpec,
} from '@purser/contracts';
import type { TaskSummaryRow } from '../tasks/task.row.js';
import { LedgerSums } from './ledger-sums.js';
import { Predictions } from './predictions.service.js';
import { linesOf, provisional, recordOf } from './record.row.js';
import { RecordsRepository } from './records.repository.js';

/** What tasks will take, and what they took. */
@Injectable()
export class Worth {
  constructor(
    private readonly records: RecordsRepository,
    private readonly predictions: Predictions,
    private readonly ledger: LedgerSums,
  ) {}

  estimate(spec: TaskSpec): Promise<Prediction> {
    return this.predictions.of(spec);
  }

  /** For whoever looks at a task: what it will take, or what it took. */
  async of(row: TaskSummaryRow): Promise<Pick<Task, 'prediction' | 'record'>> {
    if (row.finished_at === null)
      return { prediction: await this.predictions.of({ ...row, estimates: row.more.estimates }) };
    const record = await this.records.find(row.id);
    return record ? { record: recordOf(record) } : {};
  }

  async record(id: string): Promise<TaskRecord> {
    const kept = await this.records.find(id);
    if (kept) return recordOf(kept);
    const [row] = await this.records.spans([id]);
    if (!row) throw new PurserError('not_found', { message: `there is no task "${id}"`, details: { id } });
    return provisional(row, (await this.ledger.of([id]))(id));
  }

  async list(request: RequestOf<typeof recordsList>): Promise<ReplyOf<typeof recordsList>> {
    const rows = await this.records.list(request);
    const shown = rows.slice(0, request.limit);
    return {
      lines: shown.flatMap((row) => linesOf(row, request.model)),
      next: rows.length > request.limit ? (shown.at(-1)?.seq.toString() ?? null) : null,
    };
  }
}
