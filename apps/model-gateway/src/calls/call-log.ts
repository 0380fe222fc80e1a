import { Injectable } from '@nestjs/common';
import { isPurserError } from '@purser/contracts';
import { formatUsd } from '@purser/money';
import { Log } from '@purser/service';
import { CallRecords } from '../call-records/call-records.service.js';
import type { CallContext, Served } from './calls.service.js';
import { ClientGone } from './calls-in-flight.js';
import { fallbackReason } from './passed-over.js';

/** One line for each call, when it is over, and the record that explains it. */
@Injectable()
export class CallLog {
  constructor(
    private readonly log: Log,
    private readonly records: CallRecords,
  ) {}

  served(context: CallContext, { tier }: Served): void {
    if (this.log.isLevelEnabled?.('info') !== false)
      this.log.info(
        { ...this.fields(context), outcome: 'ok', tier: tier.name, provider: tier.provider, served: tier.model },
        'model call',
      );
    this.records.add(context, undefined);
  }

  failed(context: CallContext, error: unknown): void {
    const fields = this.fields(context);
    if (error instanceof ClientGone) this.log.info({ ...fields, outcome: 'cancelled' }, 'model call');
    else if (isPurserError(error))
      this.log.info({ ...fields, outcome: error.code, reason: error.message }, 'model call');
    else this.log.error({ ...fields, outcome: 'internal', error }, 'model call');
    this.records.add(context, error);
  }

  /** Before there was a call. */
  unexpected(error: unknown): void {
    this.log.error({ error }, 'a model call could not begin');
  }

  /** Nor told why. */
  unanswered(error: unknown): void {
    this.log.error({ error }, 'a model call was left without an answer');
  }

  private fields({ callId, caller, call, passed, spent, startedAt }: CallContext): object {
    return {
      callId,
      key: caller.key,
      ...(caller.task === null ? {} : { taskId: caller.task }),
      kind: call.kind,
      model: call.model,
      stream: call.streaming,
      costUsd: formatUsd(spent),
      ms: Math.round(performance.now() - startedAt),
      ...(passed.length === 0 ? {} : { passedOver: fallbackReason(passed) }),
    };
  }
}
