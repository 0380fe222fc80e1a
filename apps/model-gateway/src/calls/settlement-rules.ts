import type { Spend } from '@purser/contracts';
import { cost, hold, isPossible, minNano, NO_SAFETY, type Nano, type Price } from '@purser/money';
import type { Usage } from '@purser/plugin-sdk';

/** What was agreed before the call. */
export interface Terms {
  price: Price;
  /** Zero on a free tier. */
  hold: Nano;
  inputBound: number;
  /** For all choices together. */
  outputBound: number;
  /** Hidden tokens are billed that no delivered byte shows. */
  reasoning: boolean;
}

/** How an attempt ended. Bytes are those of the answer's text that reached us. */
export type Ending =
  | { how: 'answered'; usage: Usage | undefined; bytes: number }
  /** Turned away before any work. */
  | { how: 'refused' }
  /** Failed, and the provider may bill it. */
  | { how: 'failed'; bytes: number }
  | { how: 'cancelled'; bytes: number; bills: 'delivered' | 'full' };

export type Settlement = Pick<Spend, 'inputTokens' | 'outputTokens' | 'cachedTokens' | 'finality' | 'outcome'> & {
  amount: Nano;
};

/** Tokens that were under way when we cancelled, beyond those that reached us. */
const UNDER_WAY = 64;
const BYTES_PER_TOKEN = 4;

/** Counts that cannot be true are as good as none. */
const believable = (usage: Usage | undefined): usage is Usage => usage !== undefined && isPossible(usage);

/** Seconds and pictures say nothing where the price is by tokens, nor tokens where it is by the minute: that is unknown, not free. */
function isPriced({ hold: held, price }: Terms, { inputTokens, outputTokens, audioSeconds, images }: Usage): boolean {
  if (held === 0n) return true;
  if (audioSeconds !== undefined && price.perMinute !== undefined) return true;
  if (images !== undefined && price.perImage !== undefined) return true;
  if (price.perToken === false) return false;
  return inputTokens + outputTokens > 0 || (audioSeconds === undefined && images === undefined);
}

/** What an attempt costs. Where nobody knows, the whole hold: wrong in the safe direction only, and marked `presumed`. */
export function settle(terms: Terms, ending: Ending): Settlement {
  // Where nothing was at stake, nothing has to be presumed.
  const presumed = terms.hold === 0n ? 'final' : 'presumed';
  const nothing = { inputTokens: 0, outputTokens: 0, cachedTokens: 0 };
  switch (ending.how) {
    case 'refused':
      return { amount: 0n, ...nothing, finality: 'final', outcome: 'failed' };
    case 'answered':
      if (believable(ending.usage) && isPriced(terms, ending.usage))
        return { amount: cost(terms.price, ending.usage), ...ending.usage, finality: 'final', outcome: 'ok' };
      return { amount: terms.hold, ...guess(terms, ending.bytes), finality: presumed, outcome: 'ok' };
    case 'failed':
      return { amount: terms.hold, ...guess(terms, ending.bytes), finality: presumed, outcome: 'unknown' };
    case 'cancelled':
      return { ...cancelled(terms, ending), ...guess(terms, ending.bytes), outcome: 'cancelled' };
  }
}

function cancelled(
  terms: Terms,
  { bytes, bills }: Extract<Ending, { how: 'cancelled' }>,
): Pick<Settlement, 'amount' | 'finality'> {
  if (terms.hold === 0n) return { amount: 0n, finality: 'final' };
  if (bills === 'full' || terms.reasoning) return { amount: terms.hold, finality: 'presumed' };
  // A token is at least one byte, so this is more than what was delivered.
  const outputTokens = Math.min(bytes + UNDER_WAY, terms.outputBound);
  const worst = { inputTokens: terms.inputBound, maxOutputTokens: outputTokens, choices: 1, safety: NO_SAFETY };
  const delivered = hold(terms.price, worst);
  return { amount: minNano(delivered, terms.hold), finality: 'estimate' };
}

/** For statistics and soft limits alone: about how many tokens it was. */
const guess = ({ inputBound }: Terms, bytes: number) => ({
  inputTokens: Math.ceil(inputBound / BYTES_PER_TOKEN),
  outputTokens: Math.ceil(bytes / BYTES_PER_TOKEN),
  cachedTokens: 0,
});
