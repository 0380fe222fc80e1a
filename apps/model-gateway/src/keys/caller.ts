/** What a key may do, and how often. Null stands for no restriction. */
export interface KeyRules {
  capabilities: readonly string[] | null;
  models: readonly string[] | null;
  requestsPerMinute: number | null;
  tokensPerMinute: number | null;
}

/** On whose behalf a call is made. */
export interface Caller {
  key: string;
  project: string | null;
  task: string | null;
  session: string | null;
  /** The tasks that its task is a part of; absent when there are none. */
  ancestors?: readonly string[];
  /** Absent when it is the standard one, as the admin key's is. */
  priority?: number;
  /** Absent unless free tiers are not for it. */
  paidOnly?: true;
  /** Absent when the key has none. */
  rules?: KeyRules;
}

/** The admin key's id in the ledger. */
export const ADMIN_KEY_ID = 'admin';

export const ADMIN: Caller = Object.freeze({ key: ADMIN_KEY_ID, project: null, task: null, session: null });
