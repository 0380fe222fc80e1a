import type { BudgetReserve } from '@purser/contracts';
import { InvalidArgumentError } from 'commander';
import { usd } from '../output/words.js';

const LOOKS_LIKE =
  'It must be a part of the limit or dollars, and the least priority that may use it: 10%:8 or 5.00:8; or none.';

/** `10%:8`, `5.00:8`; `none` takes it away. */
export function parseReserve(text: string): BudgetReserve | 'none' {
  if (text === 'none') return text;
  const [, amount = '', percent, priority] = /^(\d{1,9}(?:\.\d{1,9})?)(%?):([1-9])$/.exec(text) ?? [];
  if (amount === '') throw new InvalidArgumentError(LOOKS_LIKE);
  const minPriority = Number(priority);
  if (percent === '') return { amountUsd: amount, minPriority };
  const share = Number(amount) / 100;
  if (share <= 0 || share > 1) throw new InvalidArgumentError(LOOKS_LIKE);
  return { share, minPriority };
}

/** `$5.00 for 8-9`: what is kept, and for calls of which priorities. */
export function reserveWords(reserve: BudgetReserve | undefined, reservedUsd: string | undefined): string {
  if (!reserve) return '-';
  const { minPriority } = reserve;
  return `${usd(reservedUsd ?? null)} for ${minPriority === 9 ? '9' : `${minPriority}-9`}`;
}
