import { NANO_PER_USD, type Nano } from '@purser/money';

const PERCENT = 5n;
/** Below this no difference is worth a person's time. */
const LEAST: Nano = NANO_PER_USD;

const absolute = (nano: Nano): Nano => (nano < 0n ? -nano : nano);

export const isDrifting = (metered: Nano, reported: Nano): boolean => {
  const difference = absolute(reported - metered);
  const larger = absolute(metered) > absolute(reported) ? absolute(metered) : absolute(reported);
  return difference >= LEAST && difference * 100n > PERCENT * larger;
};

/** Of what was metered, to a tenth: 12.5 when the books say an eighth more; null when nothing was metered. */
export const driftPercent = (metered: Nano, reported: Nano): number | null =>
  metered === 0n ? null : Number(((reported - metered) * 1_000n) / metered) / 10;
