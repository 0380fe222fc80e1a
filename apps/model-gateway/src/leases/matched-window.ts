import type { Nano } from '@purser/money';

/** The last part of a budget, which calls of at least that priority may use. */
export interface Reserved {
  amount: Nano;
  minPriority: number;
}

/** A window that a call counts against, as calls of its priority see it. */
export interface MatchedWindow {
  id: string;
  budgetId: string;
  /** What may be granted: the budget's limit times its cutoff, less what is reserved for more important calls. */
  limit: Nano;
  /** Why the limit is smaller for this call; absent where it may use all of it. */
  reserved?: Reserved;
  /** Where a warning is due: the critical part of the limit. */
  critical: Nano;
  /** As the ledger had it when the budgets were read. */
  settled: Nano;
  /** A rolling window's spend also falls by itself, so nothing can be concluded from `settled`. */
  rolling: boolean;
  /** In ms since 1970. */
  startsAt: number;
  endsAt: number;
  blocks: boolean;
}

/** The limit of the most important calls, whoever asks. */
export const wholeLimit = ({ limit, reserved }: MatchedWindow): Nano => limit + (reserved?.amount ?? 0n);

const NONE: readonly string[] = [];

/** The windows of which a call may not use everything. */
export function limitedIn(windows: readonly MatchedWindow[]): readonly string[] {
  let ids = NONE;
  for (const { id, reserved } of windows) if (reserved) ids = [...ids, id];
  return ids;
}
