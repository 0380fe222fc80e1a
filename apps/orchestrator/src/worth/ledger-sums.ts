import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { ledgerModels, ledgerSum, type ModelUse } from '@purser/contracts';
import type { Spent } from './record.row.js';

const CALL_TIMEOUT_MS = 3_000;

const NOTHING: Spent = { requests: 0, inputTokens: 0, outputTokens: 0, usd: '0.00', models: [] };

/** What tasks spent, and at which models. */
@Injectable()
export class LedgerSums {
  constructor(private readonly bus: Bus) {}

  get reachable(): boolean {
    return this.bus.connected;
  }

  /** At most 1,000 at once. Rejects while the ledger is away. */
  async of(ids: string[]): Promise<(id: string) => Spent> {
    if (ids.length === 0) return () => NOTHING;
    const options = { timeoutMs: CALL_TIMEOUT_MS };
    const { sums } = await this.bus.call(ledgerSum, { by: 'task', ids }, options);
    // Most tasks call no model, and one look tells which.
    const called = sums.filter(({ requests, amountUsd }) => requests > 0 || Number(amountUsd) !== 0);
    const models = new Map<string, ModelUse[]>();
    if (called.length > 0) {
      const asked = { tasks: called.map(({ id }) => id) };
      for (const { task, amountUsd, ...use } of (await this.bus.call(ledgerModels, asked, options)).sums)
        models.set(task, [...(models.get(task) ?? []), { ...use, usd: amountUsd }]);
    }
    const spent = new Map(
      sums.map(({ id, amountUsd, ...counts }) => [id, { ...counts, usd: amountUsd, models: models.get(id) ?? [] }]),
    );
    return (id) => spent.get(id) ?? NOTHING;
  }
}
