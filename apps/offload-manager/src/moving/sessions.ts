import { SESSION_INSTANCE_LENGTH, sessionName } from '@purser/service';

const NAME = sessionName('offload-manager', '');

/** Of an older Purser, whose instances had no names of their own. */
const NAME_BEFORE = NAME.trimEnd();

/** After Postgres has started, recovered or been promoted none of those that live has come back yet: nor had we. */
const BACK_WITHIN = `interval '15 seconds'`;

/**
 * SQL for: the manager whose instance is in that column has no session of the database any more, and so does not run. Its
 * kernel ends its sessions with it, however it ends; a manager that is stalled keeps them. One that lives and has lost its
 * connections for a moment is taken for dead, too: what follows from this must be guarded by itself, as by an epoch. Where
 * sessions do not go by the names of their managers nobody is dead; a pooler that lends sessions must not be used (ADR 0038).
 */
export const isDead = (column: string): string =>
  `(current_setting('application_name') LIKE '${NAME}%'
    AND EXISTS (
      SELECT FROM pg_stat_activity own
       WHERE own.datname = current_database() AND own.usename = current_user
         AND own.application_name = current_setting('application_name') AND own.backend_start < now() - ${BACK_WITHIN})
    AND NOT EXISTS (
      SELECT FROM pg_stat_activity s
       WHERE s.datname = current_database() AND s.usename = current_user
         AND s.application_name IN ('${NAME_BEFORE}', '${NAME}' || right(${column}, ${SESSION_INSTANCE_LENGTH}))))`;
