import { z } from 'zod';

/** In which order tiers are asked, and when a paid one may be. */
export const Strategy = z.enum(['quality-first', 'cheapest', 'stretch'], {
  error: '"quality-first", "cheapest" or "stretch"',
});
export type Strategy = z.output<typeof Strategy>;

const DEFAULT = 'quality-first';

/** `$strategy` in models.json: one for all, or by capability, with "default" for those that are not named. */
export const StrategySetting = z
  .union([Strategy, z.record(z.string(), Strategy)], {
    error: '"quality-first", "cheapest" or "stretch", or such by capability: {"default": "stretch", ...}',
  })
  .describe('The order in which tiers are asked: one for all, or by capability');
export type StrategySetting = z.output<typeof StrategySetting>;

export function strategyFor(setting: StrategySetting | undefined, capability: string | null): Strategy {
  if (typeof setting !== 'object') return setting ?? DEFAULT;
  return (capability === null ? undefined : setting[capability]) ?? setting.default ?? DEFAULT;
}
