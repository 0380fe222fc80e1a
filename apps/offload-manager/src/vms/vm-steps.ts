import { Inject, Injectable } from '@nestjs/common';
import { VmMoney } from '../money/vm-money.service.js';
import { Platform, vmAt } from './platform.js';
import { VM_CREDENTIALS, type VmCredentials } from './vm-credentials.js';
import { VmCreation } from './vm-creation.js';
import { VmRecords } from './vm-records.js';
import type { VmRow } from './vm-row.js';
import { VmRules } from './vm-rules.js';

/** Why one that nobody sees is not gone yet. */
const WAIT = '; it was asked for without an answer, and may still come to be until';

const withoutWait = (reason: string): string => reason.split(WAIT)[0] ?? reason;

/** One step of one VM towards where it has to be, from its row alone: after a crash it is simply done again. */
@Injectable()
export class VmSteps {
  constructor(
    private readonly rules: VmRules,
    private readonly platform: Platform,
    private readonly creation: VmCreation,
    private readonly records: VmRecords,
    private readonly money: VmMoney,
    @Inject(VM_CREDENTIALS) private readonly credentials: VmCredentials,
  ) {}

  async step(row: VmRow, signal: AbortSignal): Promise<void> {
    switch (row.state) {
      case 'requested':
        return this.requested(row);
      case 'creating':
        return this.creating(row, signal);
      case 'ready':
      case 'draining':
        return this.running(row, signal);
      case 'deleting':
        return this.deleting(row, signal);
      case 'gone':
        return this.gone(row);
    }
  }

  /** Money does not wait for a file; but the row stays open until its user can do nothing more. */
  private async gone(row: VmRow): Promise<void> {
    const revoked = await this.credentials.revoke(row.id).then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    await this.money.giveBack(row, revoked === undefined);
    if (revoked) throw revoked.error;
  }

  private async requested(row: VmRow): Promise<void> {
    const undone = this.rules.undone(row);
    if (undone !== undefined) await this.records.enter(row, 'gone', undone);
    else if (row.lease === 'held') await this.creation.begin(row);
  }

  private async creating(row: VmRow, signal: AbortSignal): Promise<void> {
    if (row.created_at !== null) return this.running(row, signal);
    const end = this.rules.endOf(row);
    if (end !== undefined) await this.records.enter(row, 'deleting', end);
    else if (this.rules.isOff) await this.records.enter(row, 'deleting', 'HYBRID_ORCHESTRATION_ENABLED is false');
    // Forbidden for another reason, such as a latch that cannot be read, it waits, no longer than its creation may take.
    else if (!this.rules.forbidden) await this.creation.create(row, signal);
  }

  private async running(row: VmRow, signal: AbortSignal): Promise<void> {
    const resource = await this.platform.look(row, signal);
    if (resource) await this.records.saw(row);
    if (resource?.state === 'starting' || resource?.state === 'running') {
      const end = this.rules.endOf(row);
      if (end !== undefined) await this.records.enter(row, 'deleting', end);
      return;
    }
    const taken = row.spot && row.state !== 'draining';
    const reason = taken ? 'the platform took it away' : `ended by the platform; before: ${row.reason}`;
    const told = taken ? await this.records.preempted(row, reason) : row;
    if (told) await this.records.enter(told, resource === undefined ? 'gone' : 'deleting', reason);
  }

  /** Seen before it is deleted, so that it is billed; and after it, so that it is not forgotten. */
  private async deleting(row: VmRow, signal: AbortSignal): Promise<void> {
    if (row.zone === null) return;
    const resource = await this.platform.look(row, signal);
    if (resource === undefined) {
      if (this.rules.isSettled(row)) await this.records.enter(row, 'gone', withoutWait(row.reason));
      else if (!row.reason.includes(WAIT)) {
        const until = this.rules.settledAt(row).toISOString();
        await this.records.change(row, { reason: `${row.reason}${WAIT} ${until}` });
      }
      return;
    }
    if (row.created_at !== null) await this.records.saw(row);
    const noted = row.created_at === null ? await this.creation.seen(row, row.zone, resource) : row;
    if (!noted || this.rules.dry) return;
    await this.platform.delete(row, vmAt(row, row.zone), signal);
    if ((await this.platform.look(row, signal)) === undefined)
      await this.records.enter(noted, 'gone', withoutWait(row.reason));
  }
}
