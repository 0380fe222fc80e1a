import { Inject, Injectable } from '@nestjs/common';
import type { Decision, ReplyOf, RequestOf, SpikeRule, spikesRules, spikesSet } from '@purser/contracts';
import { Clock } from '@purser/service';
import type { z } from 'zod';
import { type BudgetsFile, BUDGETS_FILE } from '../budgets/budgets-file.js';
import { WindowChanges } from '../windows/window-changes.js';
import { SpikeRepository } from './spike.repository.js';

type Rules = ReplyOf<typeof spikesRules>;

/** Those of the file, until a person sets others; every watchdog reads them anew before it judges. */
@Injectable()
export class SpikeRules {
  constructor(
    private readonly repository: SpikeRepository,
    @Inject(BUDGETS_FILE) private readonly file: BudgetsFile,
    private readonly clock: Clock,
    private readonly changes: WindowChanges,
  ) {}

  async read(): Promise<Rules> {
    const row = await this.repository.rules();
    if (!row?.rules) return { rules: this.file.spikeRules, set: null };
    return { rules: row.rules, set: { by: row.by, reason: row.reason, at: row.at.toISOString() } };
  }

  set({ rules, by, reason }: RequestOf<typeof spikesSet>): Promise<Rules> {
    return this.change(rules, { by, reason });
  }

  reset(decision: z.output<typeof Decision>): Promise<Rules> {
    return this.change(null, decision);
  }

  private async change(rules: SpikeRule[] | null, { by, reason }: z.output<typeof Decision>): Promise<Rules> {
    // The next look for spikes is made by them, although nothing was spent.
    const setting = this.repository.setRules({ rules, by, reason, at: this.clock.now() });
    await setting.finally(() => this.changes.count++);
    return this.read();
  }
}
