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
  choices: number;
  /** Hidden tokens are billed that no delivered byte shows. */
  reasoning: boolean;
}

/** How an attempt ended. Bytes are those of the answer's text that reached us. */
export type Ending =
  | { how: 'answered'; usage: Usage | undefined; bytes: number; bills: Bills }
  /** Turned away before any work. */
  | { how: 'refused' }
  /** Ended before it went out: nobody waits for it any more, or it may not be made any more. */
  | { how: 'not_made' }
  /** Failed, and the provider may bill it; some tell what for. */
  | { how: 'failed'; bytes: number; usage?: Usage | undefined }
  | { how: 'cancelled'; bytes: number; bills: Bills };

/** What the provider's configuration declares: that nothing is billed but what reached us, or nothing. */
export type Bills = 'delivered' | 'full';

export type Settlement = Pick<Spend, 'inputTokens' | 'outputTokens' | 'cachedTokens' | 'finality' | 'outcome'> & {
  amount: Nano;
};

/** Tokens of each choice that no byte shows: its frame, and what was under way when we cancelled. */
const UNSEEN = 64;
const BYTES_PER_TOKEN = 4;

/** Counts that cannot be true are as good as none. */
const believable = (usage: Usage | undefined): usage is Usage => usage !== undefined && isPossible(usage);

const isSomething = ({ inputTokens, outputTokens }: Usage): boolean => inputTokens + outputTokens > 0;

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
  const nothing = { inputTokens: 0, outputTokens: 0, cachedTokens: 0 };
  switch (ending.how) {
    case 'refused':
      return { amount: 0n, ...nothing, finality: 'final', outcome: 'failed' };
    case 'not_made':
      return { amount: 0n, ...nothing, finality: 'final', outcome: 'cancelled' };
    case 'answered':
      if (believable(ending.usage) && isPriced(terms, ending.usage))
        return { amount: cost(terms.price, ending.usage), ...ending.usage, finality: 'final', outcome: 'ok' };
      return { ...delivered(terms, ending), ...guess(terms, ending.bytes), outcome: 'ok' };
    case 'failed':
      // Counts of nothing are what an answer has that never came to counting.
      if (believable(ending.usage) && isPriced(terms, ending.usage) && isSomething(ending.usage))
        return { amount: cost(terms.price, ending.usage), ...ending.usage, finality: 'final', outcome: 'failed' };
      return { ...presumed(terms), ...guess(terms, ending.bytes), outcome: 'unknown' };
    case 'cancelled':
      return { ...delivered(terms, ending), ...guess(terms, ending.bytes), outcome: 'cancelled' };
  }
}

type Charge = Pick<Settlement, 'amount' | 'finality'>;

/** Where nothing was at stake, nothing has to be presumed. */
const presumed = ({ hold: amount }: Terms): Charge => ({ amount, finality: amount === 0n ? 'final' : 'presumed' });

/**
 * Counted by ourselves, from above: a token is at least one byte of what was delivered. That holds where the provider is
 * declared to bill nothing else, and where tokens are all that is billed. Whoever may think in secret is not counted so:
 * tokens that were never shown can be most of a bill, and no byte tells of them.
 */
function delivered(terms: Terms, { bytes, bills }: { bytes: number; bills: Bills }): Charge {
  const { price, inputBound, outputBound, choices, reasoning } = terms;
  const byTokens = price.perToken !== false && price.perMinute === undefined && price.perImage === undefined;
  if (terms.hold === 0n || bills === 'full' || reasoning || !byTokens) return presumed(terms);
  const maxOutputTokens = Math.min(bytes + UNSEEN * choices, outputBound);
  const worst = { inputTokens: inputBound, maxOutputTokens, choices: 1, safety: NO_SAFETY };
  return { amount: minNano(hold(price, worst), terms.hold), finality: 'estimate' };
}

/** For statistics and soft limits alone: about how many tokens it was. */
const guess = ({ inputBound }: Terms, bytes: number) => ({
  inputTokens: Math.ceil(inputBound / BYTES_PER_TOKEN),
  outputTokens: Math.ceil(bytes / BYTES_PER_TOKEN),
  cachedTokens: 0,
});
