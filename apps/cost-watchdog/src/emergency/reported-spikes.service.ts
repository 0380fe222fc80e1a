import { Injectable } from '@nestjs/common';
import type { SpikeRule } from '@purser/contracts';
import { type Nano, sumNano } from '@purser/money';
import { Clock } from '@purser/service';
import { partOf } from '../sources/reported-spend.js';
import { ReportedSpendRepository } from '../sources/reported-spend.repository.js';
import { allowed, isSpike, MONTH, monthOf, type SpikeBase } from './spike-rule.js';
import type { Spike } from './spike-actions.service.js';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** Books are some days behind at most; no rule looks further back than a day from where they end. */
const KEPT = 8 * DAY;

/** Spikes in what books report: in the last hour (or what the rule says) that they know of, which may be a while ago. */
@Injectable()
export class ReportedSpikes {
  constructor(
    private readonly spend: ReportedSpendRepository,
    private readonly clock: Clock,
  ) {}

  /** `resetAt`: what was told before, a person has seen. */
  async find(
    rule: SpikeRule & { source: string },
    budget: SpikeBase['budget'],
    resetAt: Date | undefined,
  ): Promise<Spike | undefined> {
    const until = await this.spend.knownUpTo(rule.source);
    if (!until) return undefined;
    const windowMs = rule.windowMinutes * MINUTE;
    const since = new Date(until.getTime() - windowMs);
    const told = await this.spend.within(rule.source, since, resetAt);
    if (told.length === 0) return undefined;
    const beginning = new Date(Math.floor(since.getTime() / DAY) * DAY);
    const before = await this.spend.sumOfRows(rule.source, new Date(beginning.getTime() - MONTH), beginning);
    const month = monthOf(before, beginning);
    const allowance = allowed(rule, { budget, month });
    if (!allowance) return undefined;
    const expected = (month * BigInt(windowMs)) / BigInt(MONTH);
    const rows = byService(told.map((one) => ({ service: one.service, nano: partOf(one, since, until) })));
    const spent = sumNano(rows.map(({ nano }) => nano));
    if (!isSpike(rule, spent - expected, allowance.nano)) return undefined;
    return {
      since,
      spent,
      expected,
      allowance,
      rows: rows.map(({ service, nano }) => ({ provider: rule.source, model: service, nano, requests: 0n })),
    };
  }

  async forget(): Promise<void> {
    await this.spend.forget(new Date(this.clock.now().getTime() - KEPT));
  }
}

function byService(parts: readonly { service: string; nano: Nano }[]): { service: string; nano: Nano }[] {
  const sums = new Map<string, Nano>();
  for (const { service, nano } of parts) sums.set(service, (sums.get(service) ?? 0n) + nano);
  return [...sums]
    .map(([service, nano]) => ({ service, nano }))
    .filter(({ nano }) => nano !== 0n)
    .sort((a, b) => (a.nano > b.nano ? -1 : 1));
}
