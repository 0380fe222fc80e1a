import { SESSION_INSTANCE_LENGTH, sessionName } from '@purser/service';

const NAME = sessionName('offload-manager', '');

/** After a start of Postgres none of those that live has come back yet. */
const BACK_WITHIN = `interval '15 seconds'`;

/**
 * SQL for: the manager whose instance is in that column has no session of the database any more, and so does not run. Its
 * kernel ends its sessions with it, however it ends; a manager that is stalled keeps them. One that lives and has lost its
 * connections for a moment is taken for dead, too: what follows from this must be guarded by itself, as by an epoch. Where
 * sessions do not go by the names of their managers, behind a pooler, nobody is dead.
 */
export const isDead = (column: string): string =>
  `(current_setting('application_name') LIKE '${NAME}%' AND pg_postmaster_start_time() < now() - ${BACK_WITHIN} AND NOT EXISTS (
      SELECT FROM pg_stat_activity s
       WHERE s.datname = current_database() AND s.usename = current_user
         AND s.application_name = '${NAME}' || right(${column}, ${SESSION_INSTANCE_LENGTH})))`;
