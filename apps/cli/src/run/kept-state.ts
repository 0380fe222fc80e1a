import { PurserError } from '@purser/contracts';
import type { Environment } from '@purser/service';

const ELSEWHERE =
  'Set PURSER_DATABASE_URL to a Postgres that stays (a small hosted one will do): docs/guides/schedules.md, "Without a machine of your own".';

/** Whether the database would be one of our own, on a machine that is made for a job and thrown away after it. */
export const losesState = ({ CI, PURSER_DATABASE_URL, PURSER_DATABASE_URL_FILE }: Environment): boolean =>
  !PURSER_DATABASE_URL && !PURSER_DATABASE_URL_FILE && !['', '0', 'false'].includes((CI ?? '').toLowerCase());

export interface StateOfRun {
  env: Environment;
  /** What is to be enforced, by name. */
  budgets: readonly string[];
  /** The person said that nothing needs to be kept. */
  allowed: boolean;
}

/**
 * A database of our own ends with the job, or comes back from a cache as it once was: tasks done twice, and a ledger that
 * has forgotten what was spent. No budget can hold on that, whatever the person says.
 * @throws PurserError `invalid_request`
 */
export function requireKeptState({ env, budgets, allowed }: StateOfRun): void {
  if (!losesState(env)) return;
  if (budgets.length > 0) {
    throw new PurserError('invalid_request', {
      message: `A run in CI (CI=${env.CI}) with a database of its own cannot hold a budget (${budgets.join(', ')}): the ledger ends with the job, or a cache brings an old one back, and what was spent is forgotten.\n${ELSEWHERE}`,
    });
  }
  if (!allowed) {
    throw new PurserError('invalid_request', {
      message: `A run in CI (CI=${env.CI}) with a database of its own keeps nothing: tasks, checkpoints and schedules end with the job.\n${ELSEWHERE}\nOr, where no budget is set and nothing needs to be kept, add --allow-embedded-database.`,
    });
  }
}
