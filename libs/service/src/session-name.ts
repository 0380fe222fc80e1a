/** Postgres keeps 63 bytes; what tells two instances apart is at the end. */
export const SESSION_INSTANCE_LENGTH = 40;

/** What an instance calls itself in pg_stat_activity. */
export const sessionName = (service: string, instance: string): string =>
  `purser ${service} ${instance.slice(-SESSION_INSTANCE_LENGTH)}`;
