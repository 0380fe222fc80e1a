import { isDeepStrictEqual } from 'node:util';
import { Injectable } from '@nestjs/common';
import { type LabelLimit, type LabelStatus, PurserError, type ReplyOf, type RequestOf } from '@purser/contracts';
import type { labelsDelete, labelsList, labelsSet } from '@purser/contracts';
import { Database, type Sql } from '@purser/database';
import { Nudge } from '../work/nudge.js';
import { type FollowedLabel, LabelLimitsRepository } from './label-limits.repository.js';

/** Limits of labels, as the file and people set them. */
@Injectable()
export class LabelLimits {
  constructor(
    private readonly database: Database,
    private readonly limits: LabelLimitsRepository,
    private readonly nudge: Nudge,
  ) {}

  async list(): Promise<ReplyOf<typeof labelsList>> {
    return { labels: await this.limits.status() };
  }

  async set({ label, ...limit }: RequestOf<typeof labelsSet>): Promise<LabelStatus> {
    if (limit.concurrency === undefined && limit.perMinute === undefined) {
      throw new PurserError('invalid_request', {
        message: 'a limit needs concurrency, perMinute, or both; labels.delete takes it off',
        details: { issues: [{ field: 'concurrency', problem: 'needs concurrency, perMinute, or both' }] },
      });
    }
    await this.limits.set(this.database, label, limit);
    this.nudge.workIsReady();
    const [status] = await this.limits.status([label]);
    if (!status)
      throw new PurserError('conflict', { message: `the limits of "${label}" were taken off at this moment` });
    return status;
  }

  async delete({ label }: RequestOf<typeof labelsDelete>): Promise<ReplyOf<typeof labelsDelete>> {
    const deleted = await this.limits.takeOff(this.database, label);
    if (deleted) this.nudge.workIsReady();
    return { deleted };
  }

  /**
   * As budgets follow their file: what it says of a label is applied when it differs from what it said when it was last
   * applied, so that a change that a person made stays until the file's own words change.
   */
  async follow(file: Readonly<Record<string, LabelLimit>>): Promise<void> {
    await this.database.transaction(async (tx) => {
      const known = new Map((await this.limits.followed(tx)).map((row) => [row.label, row]));
      for (const [label, says] of Object.entries(file)) {
        if (isDeepStrictEqual(known.get(label)?.file_says, says)) continue;
        await this.limits.set(tx, label, says);
        await this.limits.setFileSays(tx, label, says);
      }
      for (const row of known.values())
        if (row.file_says && !Object.hasOwn(file, row.label)) await this.forget(tx, row);
    });
    this.nudge.workIsReady();
  }

  /** No longer in the file: its limits go, unless a person set others. */
  private async forget(tx: Sql, { label, concurrency, per_minute, file_says }: FollowedLabel): Promise<void> {
    const untouched = concurrency === (file_says?.concurrency ?? null) && per_minute === (file_says?.perMinute ?? null);
    if (untouched) await this.limits.takeOff(tx, label);
    await this.limits.setFileSays(tx, label, null);
  }
}
