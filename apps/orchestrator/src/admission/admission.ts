import { formatUsd, maxNano, minNano, type Nano } from '@purser/money';
import { type Purse, Purses, whyNot } from './purse.js';

/** After a refusal a task is not tried again at once, whatever the figures say: gateways may know better. */
const AFTER_REFUSAL_MS = 5_000;
/** Doubled with every further session that is refused soon after. */
const LONGEST_AFTER_REFUSAL_MS = 300_000;

export const afterRefusalMs = (times: number): number =>
  Math.min(LONGEST_AFTER_REFUSAL_MS, AFTER_REFUSAL_MS * 2 ** (times - 1));

/** A call of it that no budget covered. */
export interface Refusal {
  budgets: string[];
  /** Nanodollars as a decimal string; null when it is not known. */
  needNano: string | null;
  /** Milliseconds since 1970, by Postgres' clock. */
  at: number;
  /** How many sessions were refused in a row, each within ten minutes of the one before. */
  times: number;
}

export interface Candidate {
  id: string;
  state: 'running' | 'ready' | 'paused';
  priority: number;
  project: string | null;
  /** The tasks that it is a part of. */
  ancestors: readonly string[];
  /** What it will still cost, as far as that can be told. */
  expected: Nano;
  refusal: Refusal | null;
  /** False: it may go on for free, and waits only since a call of it was refused. */
  paidOnly: boolean;
}

export type Verdict = { id: string; admit: true } | { id: string; admit: false; reason: string };

/** What the budgets have, less what was promised. */
class Pools {
  private readonly promised = new Map<string, Nano>();

  leftOf({ id, left, reserved, minPriority }: Purse, priority: number): Nano {
    return left - (priority < minPriority ? reserved : 0n) - (this.promised.get(id) ?? 0n);
  }

  promise(purses: readonly Purse[], amount: Nano): void {
    for (const { id } of purses) this.promised.set(id, (this.promised.get(id) ?? 0n) + amount);
  }
}

/**
 * Who may start, given in the order in which tasks are taken. What is expected of those that run or may start is set
 * aside, so that a budget is not promised twice. More than half of a budget is asked for by nobody beforehand: a task
 * that costs more goes on over several windows.
 */
export function decide(
  candidates: readonly Candidate[],
  purses: readonly Purse[],
  now: number,
): { verdicts: Verdict[]; toEnd: string[] } {
  const pools = new Pools();
  const all = new Purses(purses);
  const pursesOf = (task: Candidate) => all.of(task, task.refusal?.budgets ?? []);
  const toEnd: string[] = [];
  const running = candidates.filter(({ state }) => state === 'running');
  for (const task of running) {
    const its = pursesOf(task);
    if (task.paidOnly && its.some(({ exhausted, left }) => exhausted || left === 0n)) toEnd.push(task.id);
    pools.promise(its, task.expected);
  }
  const verdicts = candidates
    .filter(({ state }) => state !== 'running')
    .map((task): Verdict => {
      const its = pursesOf(task);
      const reason = obstacle(task, its, pools, now);
      if (reason !== undefined) return { id: task.id, admit: false, reason };
      pools.promise(its, task.expected);
      return { id: task.id, admit: true };
    });
  return { verdicts, toEnd };
}

function obstacle(task: Candidate, purses: readonly Purse[], pools: Pools, now: number): string | undefined {
  const { refusal } = task;
  // What is free may be back, which no budget tells.
  if (!task.paidOnly && now - (refusal?.at ?? -Infinity) >= LONGEST_AFTER_REFUSAL_MS) return undefined;
  for (const purse of purses) {
    const need = needOf(task, purse);
    const left = pools.leftOf(purse, task.priority);
    if (purse.exhausted || left <= 0n || left < need) return whyNot(purse, need > 0n ? formatUsd(need) : undefined);
  }
  if (!refusal || now - refusal.at >= afterRefusalMs(refusal.times)) return undefined;
  const names = refusal.budgets.map((id) => `"${id}"`).join(', ');
  const why = names === '' ? 'no budget that it may use covered' : `${names} did not cover`;
  const again = new Date(refusal.at + afterRefusalMs(refusal.times)).toISOString();
  return `budget: ${why} its last call; it is tried again at ${again}`;
}

function needOf({ expected, refusal }: Candidate, { id, limit }: Purse): Nano {
  const planned = minNano(expected, limit / 2n);
  if (!refusal?.budgets.includes(id)) return planned;
  return maxNano(planned, BigInt(refusal.needNano ?? 0));
}
