import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { vmFacts } from '@purser/contracts';
import type { ComputeFailed, ComputeResource } from '@purser/plugin-sdk';
import { Clock, Log } from '@purser/service';
import { PACE } from './pace.js';
import { failureOf, Platform, vmAt } from './platform.js';
import { VM_CREDENTIALS, type VmCredentials } from './vm-credentials.js';
import { VmRecords } from './vm-records.js';
import type { VmRow } from './vm-row.js';
import { specOf } from './vm-spec.js';
import { Zones } from './zones.js';

/**
 * Brings a VM into being. The zone is in the row before a platform is asked, and it is left only when it is certain that
 * there is nothing in it: what is not known is asked again, by the same name and request id.
 */
@Injectable()
export class VmCreation {
  constructor(
    private readonly platform: Platform,
    private readonly records: VmRecords,
    private readonly zones: Zones,
    @Inject(VM_CREDENTIALS) private readonly credentials: VmCredentials,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** From `requested`: the first zone is chosen. */
  async begin(row: VmRow): Promise<void> {
    const { zone, why } = await this.zones.next(row);
    if (zone === undefined) await this.records.enter(row, 'gone', why);
    else await this.records.enter(row, 'creating', `asking for it in ${zone}`, { zone });
  }

  /** From `creating`, while the platform has not been seen to have it. Rejects while it is not known what came of it. */
  async create(row: VmRow, signal: AbortSignal): Promise<void> {
    const { id, zone, component, expires_at: expiresAt } = row;
    if (zone === null) return;
    // Begun before it is written, so that it is over for certain so long after `called_at` (VmRules.isSettled).
    const within = AbortSignal.any([signal, AbortSignal.timeout(PACE.callMs)]);
    const asked = await this.records.change(row, { called_at: this.clock.now() });
    if (!asked) return;
    const env = await this.credentials.issue(id, component, expiresAt);
    const spec = specOf(await this.records.installation(), asked, zone, env);
    let made: ComputeResource;
    try {
      made = await this.platform.driverOf(row).create(spec, { signal: within });
    } catch (error) {
      const failure = failureOf(error);
      // A platform may answer a request that it knows with the same failure: the next attempt is a new one.
      if (failure?.kind === 'unavailable') await this.records.change(asked, { request_id: randomUUID() });
      if (!failure || failure.kind === 'unavailable') throw error;
      // Of this call that is certain; but an earlier one, whose answer was lost, may have made it.
      const earlier = row.called_at === null ? undefined : await this.platform.look(asked);
      if (!earlier) return this.notMade(asked, zone, failure);
      made = earlier;
    }
    await this.seen(asked, zone, made);
  }

  /** The platform has it. When the row has gone elsewhere meanwhile, what was made has no place to be. */
  async seen(row: VmRow, zone: string, { createdAt }: ComputeResource): Promise<VmRow | undefined> {
    const reason =
      row.state === 'creating'
        ? `runs in ${zone}; its agent has not said yet that the component is healthy`
        : row.reason;
    const changed = await this.records.change(
      row,
      { created_at: createdAt, seen_at: this.clock.now(), reason },
      vmFacts.created,
    );
    if (changed) return changed;
    const now = await this.records.get(row.id);
    if (now?.zone === zone && now.state !== 'gone') return undefined;
    this.log.warn({ vm: row.name, zone }, 'a VM came to be where it is no longer wanted: deleting it');
    await this.platform.delete(row, vmAt(row, zone));
    return undefined;
  }

  private async notMade(row: VmRow, zone: string, { kind, message }: ComputeFailed): Promise<void> {
    this.log.warn({ vm: row.name, zone, kind, reason: message }, 'a VM was not created');
    if (kind === 'refused') {
      await this.records.enter(row, 'gone', `refused by ${row.provider}: ${message}`);
      return;
    }
    await this.zones.markBad(row, zone, `${kind}: ${message}`);
    const next = await this.zones.next(row);
    if (next.zone === undefined) {
      await this.records.enter(row, 'gone', next.why);
      return;
    }
    const reason = `asking for it in ${next.zone}; ${zone} has no room (${kind})`;
    const elsewhere = { zone: next.zone, request_id: randomUUID(), reason };
    await this.records.change(row, elsewhere, vmFacts.creating);
  }
}
