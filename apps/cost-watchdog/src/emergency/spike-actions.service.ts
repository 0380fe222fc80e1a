import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { SpikeRule } from '@purser/contracts';
import { formatUsd } from '@purser/money';
import { Clock } from '@purser/service';
import type { NewAlert } from '../alerts/alerts.service.js';
import { NoticesService } from '../notices/notices.service.js';
import { EmergencyService } from './emergency.service.js';
import type { allowed } from './spike-rule.js';
import type { SpendRow } from './spike.repository.js';

const MINUTE = 60_000;
const COOLDOWN_MINUTES = 60;

export interface Spike {
  since: Date;
  rows: readonly SpendRow[];
  spent: bigint;
  /** What was to be expected of that time, beyond which the allowance begins; nothing when absent. */
  expected?: bigint;
  allowance: NonNullable<ReturnType<typeof allowed>>;
}

/** What a spike leads to: the latch, or word to people. */
@Injectable()
export class SpikeActions {
  constructor(
    private readonly emergency: EmergencyService,
    private readonly notices: NoticesService,
    private readonly clock: Clock,
  ) {}

  /** True when the latch is set by it. */
  async on(rule: SpikeRule, spike: Spike): Promise<boolean> {
    const figures = figuresOf(rule, spike);
    if (rule.action !== 'alert') {
      await this.emergency.trigger({ by: 'spike rule', reason: figures }, evidenceOf(rule, spike, figures, 'critical'));
      return true;
    }
    const cooldown = (rule.cooldownMinutes ?? COOLDOWN_MINUTES) * MINUTE;
    const turn = new Date(Math.floor(this.clock.now().getTime() / cooldown) * cooldown);
    await this.notices.tell(`spike_${nameOf(rule)}`, turn, {
      ...evidenceOf(rule, spike, figures, 'warning'),
      kind: 'spike_noticed',
    });
    return false;
  }
}

/** The same for the same rule, wherever it stands. */
export const nameOf = (rule: SpikeRule): string =>
  createHash('sha256').update(JSON.stringify(rule)).digest('hex').slice(0, 16);

function figuresOf(rule: SpikeRule, { since, spent, expected, allowance }: Spike): string {
  const books = rule.source === undefined ? '' : ` by the books of ${rule.source}`;
  const where = rule.provider === undefined ? books : ` at ${rule.provider}`;
  const usual = expected === undefined ? '' : `, where $${formatUsd(expected)} were to be expected:`;
  const beyond = expected === undefined ? ', more than' : ' beyond that more than';
  return (
    `$${formatUsd(spent)}${where} since ${since.toISOString()}${usual}${beyond} ${rule.percent} % of the $${formatUsd(allowance.of)}` +
    ` of ${allowance.name} within ${rule.windowMinutes} minutes`
  );
}

const evidenceOf = (
  rule: SpikeRule,
  { since, rows, spent, expected, allowance }: Spike,
  figures: string,
  severity: NewAlert['severity'],
): NewAlert => ({
  severity,
  kind: 'spike',
  title: `Spending spike: ${figures}`,
  details: {
    rule,
    budgetId: allowance.name,
    budgetUsd: formatUsd(allowance.of),
    spentUsd: formatUsd(spent),
    ...(expected === undefined ? {} : { expectedUsd: formatUsd(expected) }),
    allowedUsd: formatUsd(allowance.nano),
    since: since.toISOString(),
    byModel: rows.slice(0, 20).map(({ provider, model, nano, requests }) => ({
      provider,
      model,
      spentUsd: formatUsd(nano),
      requests: Number(requests),
    })),
  },
});
