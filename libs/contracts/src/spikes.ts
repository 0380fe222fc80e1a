import { z } from 'zod';
import { operation } from './contract.js';
import { Decision } from './emergency.js';
import { Token, UsdInput } from './scalars.js';

/** More than so many percent within so many minutes, and at least so many dollars, is a spike. */
export const SpikeRule = z
  .strictObject({
    percent: z.number().positive().max(1000),
    windowMinutes: z.number().int().min(1).max(1440),
    /** Below this nothing is a spike. */
    minUsd: UsdInput,
    /** Spend at this provider alone; all spend when absent. */
    provider: Token.optional(),
    /**
     * What the books of this cost source (such as `aws-costs`) report instead of what is metered, by the time of its use, as a
     * rate between two refreshes of the books. The percent are then of the thirty days before, and come on top of what
     * those days make one expect.
     */
    source: Token.optional(),
    /**
     * What the percent are of: `budget`, the smallest monthly one over everything (when absent), or `month`, what the thirty
     * days before the window have cost, or that budget when it is more: a month that begins hides nothing and sets off nothing.
     */
    of: z.enum(['budget', 'month']).optional(),
    /** It is looked at no more often; with each settlement, and every 3 s, when absent (one with a source: every 180 s). */
    checkEverySeconds: z.number().int().min(1).max(3600).optional(),
    /** `shutdown`, when absent, sets the emergency latch; `alert` tells people, once per cooldown (60 minutes when absent). */
    action: z.enum(['alert', 'shutdown']).optional(),
    cooldownMinutes: z.number().int().min(1).max(10_080).optional(),
  })
  .refine(({ source, provider }) => source === undefined || provider === undefined, {
    path: ['provider'],
    message: 'a rule on a source looks at its books, which are of one provider; leave the provider out',
  });
export type SpikeRule = z.output<typeof SpikeRule>;

const SHORT = /^(\d{1,4}(?:\.\d{1,6})?)\s*%?\s+in\s+(\d{1,4})$/;

/** Written out, or short: `0.5 in 30` is half a percent of the month within 30 minutes, at least $1. */
export const SpikeRuleInput = z.union(
  [
    SpikeRule,
    z
      .string()
      .regex(SHORT)
      .transform((text): z.input<typeof SpikeRule> => {
        const [, percent, minutes] = SHORT.exec(text) ?? [];
        return { percent: Number(percent), windowMinutes: Number(minutes), minUsd: '1', of: 'month' };
      })
      .pipe(SpikeRule),
  ],
  { error: 'a rule such as {"percent": 20, "windowMinutes": 60, "minUsd": "5"}, or "0.5 in 30"' },
);

const Rules = z.object({
  rules: z.array(SpikeRule),
  /** Who set them at run time, and why; null while those of the file hold. */
  set: z.object({ by: z.string(), reason: z.string(), at: z.iso.datetime({ offset: true }) }).nullable(),
});

export const spikesRules = operation('spikes.rules', {
  owner: 'cost-watchdog',
  summary: 'The rules on spikes that hold.',
  request: z.object({}),
  reply: Rules,
  http: { method: 'GET', path: '/v1/spike-rules' },
});

export const spikesSet = operation('spikes.set', {
  owner: 'cost-watchdog',
  summary: 'Let these rules on spikes hold instead of those of the file; none when the list is empty.',
  request: z.strictObject({ rules: z.array(SpikeRuleInput).max(10), ...Decision.shape }),
  reply: Rules,
  http: { method: 'PUT', path: '/v1/spike-rules' },
});

export const spikesReset = operation('spikes.reset', {
  owner: 'cost-watchdog',
  summary: 'Let the rules of the file hold again.',
  request: Decision,
  reply: Rules,
  http: { method: 'POST', path: '/v1/spike-rules/reset' },
});
