import { Injectable } from '@nestjs/common';
import type { SessionOutcome, Task, TaskState } from '@purser/contracts';
import { Database } from '@purser/database';

/** A look must stay cheap whatever waits: who asks wants to know whether there is work, not how much of it exactly. */
const COUNTED = 10_000;

export interface Waiting {
  at: Date;
  running: number;
  delayed: number;
  blocked: number;
  paused: number;
  next_at: Date | null;
}

export interface WorkedOn {
  id: string;
  state: TaskState;
  error: Task['error'];
  sessions: number;
  outcome: SessionOutcome | null;
}

const inThatTime = '(s.started_at >= $1 OR s.ended_at >= $1 OR s.ended_at IS NULL)';

@Injectable()
export class OutlookRepository {
  constructor(private readonly database: Database) {}

  async waiting(): Promise<Waiting> {
    const counted = (where: string) =>
      `(SELECT count(*)::int FROM (SELECT 1 FROM tasks WHERE ${where} LIMIT ${COUNTED}) AS counted)`;
    const [row] = await this.database.query<Waiting>(
      `SELECT now() AS at,
         ${counted(`state = 'running'`)} AS running,
         ${counted(`state = 'ready' AND available_at > now()`)} AS delayed,
         ${counted(`state = 'blocked'`)} AS blocked,
         ${counted(`state = 'paused'`)} AS paused,
         least((SELECT min(available_at) FROM tasks WHERE state = 'ready' AND available_at > now()),
               (SELECT min(next_at) FROM schedules WHERE paused_reason IS NULL AND next_at IS NOT NULL)) AS next_at`,
    );
    if (!row) throw new TypeError('a SELECT without FROM gave no row');
    return row;
  }

  /** Of the tasks that may run now. */
  ready(): Promise<{ executor: string; count: number }[]> {
    return this.database.query(
      `SELECT executor, count(*)::int AS count
       FROM (SELECT executor FROM tasks WHERE state = 'ready' AND available_at <= now() LIMIT ${COUNTED}) AS counted
       GROUP BY executor`,
    );
  }

  /** Once per run, so that it may read all sessions there ever were. */
  workedOn(since: string, limit: number): Promise<WorkedOn[]> {
    return this.database.query(
      `SELECT t.id, t.state, t.error, count(*)::int AS sessions,
         (array_agg(s.outcome ORDER BY s.epoch DESC))[1] AS outcome
       FROM sessions s JOIN tasks t ON t.id = s.task_id
       WHERE ${inThatTime} GROUP BY t.id ORDER BY max(s.started_at) DESC LIMIT $2`,
      [since, limit],
    );
  }

  async sessionsSince(since: string): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(`SELECT s.id FROM sessions s WHERE ${inThatTime}`, [since]);
    return rows.map(({ id }) => id);
  }
}
