import { Inject, Injectable } from '@nestjs/common';
import { Database } from '@purser/database';
import { CONFIG } from '@purser/service';
import type { Config } from '../config.js';
import { isDead } from './sessions.js';

/**
 * A manager that lives says so far more often, also after it had no connection for a moment; of one that has not for minutes,
 * whether it is dead or has lost its database, nobody waits for any more.
 */
const GONE = `(c.seen_at < now() - interval '5 seconds' AND ${isDead('c.instance')} OR c.seen_at < now() - interval '2 minutes')`;

/** Which manager runs a component that is a program here. */
@Injectable()
export class LocalChildrenRepository {
  private readonly instance: string;

  constructor(
    private readonly database: Database,
    @Inject(CONFIG) config: Pick<Config, 'PURSER_INSTANCE'>,
  ) {
    this.instance = config.PURSER_INSTANCE;
  }

  /** False when another manager, which is there, runs it; that one goes on with it. */
  async take(component: string): Promise<boolean> {
    const [row] = await this.database.query<{ instance: string }>(
      `INSERT INTO local_children AS c (component, instance) VALUES ($1, $2)
       ON CONFLICT (component) DO UPDATE SET wanted = true,
         instance = CASE WHEN ${GONE} THEN $2 ELSE c.instance END,
         seen_at = CASE WHEN ${GONE} THEN now() ELSE c.seen_at END
       RETURNING instance`,
      [component, this.instance],
    );
    return row?.instance === this.instance;
  }

  /** Says that this manager is there to those that wait for it. @returns what it runs, and whether that is to go on */
  refresh(): Promise<{ component: string; wanted: boolean }[]> {
    return this.database.query(
      'UPDATE local_children SET seen_at = now() WHERE instance = $1 RETURNING component, wanted',
      [this.instance],
    );
  }

  /** Whoever runs it is to end it; undefined when nobody does. */
  async unwant(component: string): Promise<string | undefined> {
    await this.database.query(`DELETE FROM local_children c WHERE component = $1 AND (${GONE} OR instance = $2)`, [
      component,
      this.instance,
    ]);
    const [row] = await this.database.query<{ instance: string }>(
      'UPDATE local_children SET wanted = false WHERE component = $1 RETURNING instance',
      [component],
    );
    return row?.instance;
  }

  /** It has ended, and may be started by any manager. */
  async release(component: string): Promise<void> {
    await this.database.query('DELETE FROM local_children WHERE component = $1 AND instance = $2', [
      component,
      this.instance,
    ]);
  }
}
