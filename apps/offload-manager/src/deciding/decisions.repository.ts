import { Injectable } from '@nestjs/common';
import type { DecidedMove, MemoryFigures, OffloadDecision } from '@purser/contracts';
import { Database, storable } from '@purser/database';

export interface NewDecision {
  at: Date;
  action: OffloadDecision['action'];
  code: string;
  urgent: boolean;
  reason: string;
  moves: DecidedMove[];
  memory: MemoryFigures;
}

interface DecisionRow extends NewDecision {
  id: bigint;
  last_at: Date;
  times: number;
}

@Injectable()
export class DecisionsRepository {
  constructor(private readonly database: Database) {}

  /** Whether this instance may decide until `until`: of several, one. */
  async takeTurn(by: string, now: Date, until: Date): Promise<boolean> {
    const taken = await this.database.query(
      `INSERT INTO turns AS t (name, held_by, until) VALUES ('decider', $1, $3)
       ON CONFLICT (name) DO UPDATE SET held_by = $1, until = $3 WHERE t.held_by = $1 OR t.until <= $2
       RETURNING name`,
      [by, now, until],
    );
    return taken.length === 1;
  }

  /** One that says the same as the last is counted there; its reason and figures are the newest. */
  async add(decision: NewDecision): Promise<OffloadDecision> {
    const { at, action, code, urgent, reason, moves, memory } = storable(decision);
    const [row] = await this.database.query<DecisionRow>(
      `WITH given AS (SELECT $1::timestamptz AS at, $2::text AS action, $3::text AS code, $4::boolean AS urgent,
                             $5::text AS reason, $6::jsonb AS moves, $7::jsonb AS memory),
            again AS (
              UPDATE decisions d SET last_at = g.at, times = d.times + 1, reason = g.reason, memory = g.memory
                FROM given g
               WHERE d.id = (SELECT max(id) FROM decisions)
                 AND (d.action, d.code, d.urgent, d.moves) = (g.action, g.code, g.urgent, g.moves)
              RETURNING d.*),
            first AS (
              INSERT INTO decisions (at, last_at, action, code, urgent, reason, moves, memory)
              SELECT at, at, action, code, urgent, reason, moves, memory FROM given WHERE NOT EXISTS (SELECT FROM again)
              RETURNING *)
       SELECT * FROM again UNION ALL SELECT * FROM first`,
      [at, action, code, urgent, reason, JSON.stringify(moves), JSON.stringify(memory)],
    );
    return decisionOf(row as DecisionRow);
  }

  async newest(limit: number, action?: OffloadDecision['action']): Promise<OffloadDecision[]> {
    const rows = await this.database.query<DecisionRow>(
      'SELECT * FROM decisions WHERE $2::text IS NULL OR action = $2 ORDER BY id DESC LIMIT $1',
      [limit, action ?? null],
    );
    return rows.map(decisionOf);
  }

  /** Those of before, and the oldest of more than `most`. */
  async forget(before: Date, most: number): Promise<void> {
    await this.database.query(
      `DELETE FROM decisions WHERE last_at < $1 OR id <= (SELECT id FROM decisions ORDER BY id DESC OFFSET $2 LIMIT 1)`,
      [before, most],
    );
  }
}

const decisionOf = ({
  id,
  at,
  last_at,
  times,
  action,
  urgent,
  reason,
  moves,
  memory,
}: DecisionRow): OffloadDecision => ({
  id: id.toString(),
  at: at.toISOString(),
  lastAt: last_at.toISOString(),
  times,
  action,
  urgent,
  reason,
  moves,
  memory,
});
