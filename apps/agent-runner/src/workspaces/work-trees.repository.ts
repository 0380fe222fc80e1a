import { Injectable } from '@nestjs/common';
import { Database } from '@purser/database';
import { FENCE, FENCE_HELD, refuseUnlessHeld, type Writer } from '../records/fenced.js';

/** What the sessions before left. */
export interface KnownTree {
  epoch: number;
  /** The one that had it last. */
  runner: string;
  commit: string | null;
  /** False: the commit is on that runner alone. */
  pushed: boolean;
}

@Injectable()
export class WorkTreesRepository {
  constructor(private readonly database: Database) {}

  /** This session has it from now on. @returns what was known before; undefined for the first */
  async take(writer: Writer, runner: string): Promise<KnownTree | undefined> {
    const rows = await this.database.query<{ held: number } & { [Name in keyof KnownTree]: KnownTree[Name] | null }>(
      `WITH ${FENCE},
       before AS (SELECT epoch, runner, commit, pushed FROM work_trees WHERE task_id = $1),
       written AS (
         INSERT INTO work_trees (task_id, epoch, runner) SELECT $1, $2, $3 FROM fence
         ON CONFLICT (task_id) DO UPDATE SET epoch = excluded.epoch, runner = excluded.runner, at = now()
       )
       SELECT (${FENCE_HELD}) AS held, before.* FROM (SELECT 1) AS one LEFT JOIN before ON true`,
      [writer.taskId, writer.epoch, runner],
    );
    refuseUnlessHeld(rows, writer);
    const { epoch, runner: last, commit, pushed } = rows[0]!;
    return epoch === null ? undefined : { epoch, runner: last!, commit, pushed: pushed! };
  }

  /** The session may still write: asked right before a push, which no statement can fence. */
  async assertHeld(writer: Writer): Promise<void> {
    refuseUnlessHeld(
      await this.database.query<{ held: number }>(`WITH ${FENCE} ${FENCE_HELD}`, [writer.taskId, writer.epoch]),
      writer,
    );
  }

  /** The work of the session is in this commit, and the newest checkpoint belongs to it. */
  async keep(writer: Writer, commit: string, pushed: boolean): Promise<void> {
    const rows = await this.database.query<{ held: number }>(
      `WITH ${FENCE},
       tree AS (
         UPDATE work_trees SET commit = $3, pushed = $4, at = now() FROM fence WHERE task_id = $1
       ),
       checkpoint AS (
         UPDATE checkpoints SET workspace_commit = $3 FROM fence
         WHERE task_id = $1 AND (epoch, number) = (
           SELECT epoch, number FROM checkpoints WHERE task_id = $1 ORDER BY epoch DESC, number DESC LIMIT 1)
       )
       ${FENCE_HELD}`,
      [writer.taskId, writer.epoch, commit, pushed],
    );
    refuseUnlessHeld(rows, writer);
  }
}
