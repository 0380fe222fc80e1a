import { Injectable } from '@nestjs/common';
import { Database } from '@purser/database';
import type { Counted } from './figures.js';

const LONGEST_MS = 10_000;

@Injectable()
export class FiguresRepository {
  constructor(private readonly database: Database) {}

  /**
   * All that the figures are made of, in one look. A lost session could tell nothing itself: of its time that counts as
   * used well which came before the checkpoint that a later session went on from.
   */
  async count(since: Date, until: Date): Promise<Counted> {
    const [row] = await this.database.transaction(async (tx) => {
      await tx.query(`SET LOCAL statement_timeout = ${LONGEST_MS}`);
      return tx.query<Counted>(
        `WITH ended AS (
           SELECT s.outcome, m.*, extract(epoch FROM s.ended_at - s.started_at)::double precision AS length,
             (SELECT max(extract(epoch FROM n.resumed_at - s.started_at))::double precision FROM session_measures n
              WHERE s.outcome = 'lost' AND n.task_id = s.task_id AND n.resumed_epoch = s.epoch) AS survived
           FROM sessions s LEFT JOIN session_measures m ON m.task_id = s.task_id AND m.epoch = s.epoch
           WHERE s.started_at >= $1 AND s.started_at < $2 AND s.ended_at IS NOT NULL
         ), judged AS (
           SELECT *, CASE WHEN outcome = 'lost' THEN length - least(length, greatest(0, coalesce(survived, 0)))
             ELSE least(length, coalesce(unsaved_seconds, 0)) END AS wasted,
             resumed_epoch IS NOT NULL AS resumed,
             -- Without a sign of progress all of it was overhead, unless it came to the end of its work.
             CASE WHEN outcome = 'completed' THEN 0 ELSE seconds END AS without_progress
           FROM ended
         )
         SELECT count(*)::integer AS sessions,
           count(*) FILTER (WHERE outcome = 'lost')::integer AS lost,
           count(*) FILTER (WHERE killed)::integer AS killed,
           coalesce(sum(length), 0) AS "usedSeconds", coalesce(sum(wasted), 0) AS "wastedSeconds",
           count(*) FILTER (WHERE resumed)::integer AS resumed,
           coalesce(sum(seconds), 0) AS "measuredSeconds",
           coalesce(sum(coalesce(first_progress_seconds, without_progress)) FILTER (WHERE resumed), 0) AS "resumeSeconds",
           coalesce(sum(tokens), 0)::double precision AS "measuredTokens",
           coalesce(sum(coalesce(first_progress_tokens, CASE WHEN outcome = 'completed' THEN 0 ELSE tokens END))
             FILTER (WHERE resumed), 0)::double precision AS "resumeTokens",
           count(*) FILTER (WHERE resumed OR expected AND outcome <> 'released')::integer AS expected,
           count(*) FILTER (WHERE resumed_intact)::integer AS intact,
           (SELECT count(*) FROM task_records WHERE finished_at >= $1 AND finished_at < $2
              AND outcome = 'completed')::integer AS completed,
           (SELECT count(*) FROM task_records WHERE finished_at >= $1 AND finished_at < $2
              AND outcome = 'failed')::integer AS failed
         FROM judged`,
        [since, until],
      );
    });
    if (!row) throw new Error('the database counted nothing');
    return row;
  }
}
