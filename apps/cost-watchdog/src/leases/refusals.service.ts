import { Injectable } from '@nestjs/common';
import { WindowChanges } from '../windows/window-changes.js';
import { WindowsRepository } from '../windows/windows.repository.js';
import type { GrantRow } from './leases.repository.js';
import { RecallService } from './recall.service.js';

/** What a refused grant sets off beyond its answer. */
@Injectable()
export class RefusalsService {
  constructor(
    private readonly changes: WindowChanges,
    private readonly windows: WindowsRepository,
    private readonly recalls: RecallService,
  ) {}

  async follow(rows: readonly GrantRow[], gateway: string): Promise<void> {
    await this.useUp(rows.filter((row) => row.uses_up));
    const refusals = rows.flatMap((row) => row.refusal ?? []);
    // A recall helps only when nothing but what others hold is in the way.
    if (refusals.length === 0 || refusals.some((refusal) => refusal !== 'held')) return;
    const held = rows.filter((row) => row.refusal === 'held');
    // What the gateway itself has leased for important calls is in the way of a lesser one.
    const others = held.some(({ lesser }) => lesser) ? undefined : gateway;
    await this.recalls.whenHeld(
      held.map((row) => row.window_id.toString()),
      others,
    );
  }

  /** A call no longer fits into windows of which nearly all is spent: their budgets are exhausted. */
  private async useUp(rows: readonly GrantRow[]): Promise<void> {
    if (rows.length === 0) return;
    await this.changes.commit(async (tx, touched) => {
      const refused = rows.map(({ window_id, least }) => ({ windowId: window_id, least }));
      await this.windows.lockRows(
        tx,
        refused.map(({ windowId }) => windowId),
      );
      touched.add(...(await this.windows.useUp(tx, refused)));
    });
  }
}
