import { Injectable } from '@nestjs/common';
import type { VmHeartbeat } from '@purser/contracts';
import { Database } from '@purser/database';

export interface AgentRow {
  vm_id: string;
  component: string;
  wish: 'wait' | 'serve';
  wished_at: Date;
  heard_at: Date | null;
  healthy: boolean;
  serving: boolean;
  in_flight: number;
  memory_mb: number | null;
  preemption_at: Date | null;
  /** By the database's clock, which wrote when it was heard. */
  silent_seconds: number | null;
}

interface Heard extends Pick<AgentRow, 'wish' | 'preemption_at'> {
  unhealthySeconds: number;
}

@Injectable()
export class AgentsRepository {
  constructor(private readonly database: Database) {}

  /** What it is told from now on; also of one that was not heard yet. */
  async wish(vmId: string, component: string, wish: AgentRow['wish']): Promise<void> {
    await this.database.query(
      `INSERT INTO vm_agents (vm_id, component, wish) VALUES ($1, $2, $3)
       ON CONFLICT (vm_id) DO UPDATE SET wish = excluded.wish, wished_at = now() WHERE vm_agents.wish <> excluded.wish`,
      [vmId, component, wish],
    );
  }

  /** With the preemption that it has ever spoken of, and for how long its component has not been healthy. */
  async hear(beat: VmHeartbeat): Promise<Heard> {
    const [row] = await this.database.query<Heard>(
      `INSERT INTO vm_agents AS a
         (vm_id, component, heard_at, healthy, serving, in_flight, memory_mb, preemption_at, unhealthy_since)
       VALUES ($1, $2, now(), $3, $4, $5, $6, $7::timestamptz, CASE WHEN NOT $3 THEN now() END)
       ON CONFLICT (vm_id) DO UPDATE SET heard_at = now(), healthy = excluded.healthy, serving = excluded.serving,
         in_flight = excluded.in_flight, memory_mb = excluded.memory_mb,
         preemption_at = coalesce(a.preemption_at, excluded.preemption_at),
         unhealthy_since = CASE WHEN NOT $3 THEN coalesce(a.unhealthy_since, now()) END
       RETURNING wish, preemption_at, coalesce(extract(epoch FROM now() - unhealthy_since), 0)::float8 AS "unhealthySeconds"`,
      [beat.vm, beat.component, beat.healthy, beat.serving, beat.inFlight, beat.memoryMb, beat.preemption ?? null],
    );
    if (!row) throw new Error(`no row for the agent of VM ${beat.vm}`);
    return row;
  }

  async find(vmId: string): Promise<AgentRow | undefined> {
    const [row] = await this.database.query<AgentRow>(
      'SELECT *, extract(epoch FROM now() - heard_at)::float8 AS silent_seconds FROM vm_agents WHERE vm_id = $1',
      [vmId],
    );
    return row;
  }

  /** Whether it has said, since then if that is given, that requests come to it and its component is well, and not too long ago. */
  async servesSince(vmId: string, since: Date | null, mostSilentMs: number): Promise<boolean> {
    const rows = await this.database.query(
      `SELECT FROM vm_agents WHERE vm_id = $1 AND serving AND healthy AND wish = 'serve'
          AND heard_at > greatest($2::timestamptz, wished_at, now() - make_interval(secs => $3))`,
      [vmId, since, mostSilentMs / 1_000],
    );
    return rows.length > 0;
  }

  /** Of VMs that are over nobody asks any more. */
  async forgetUnheardFor(hours: number): Promise<void> {
    await this.database.query(
      `DELETE FROM vm_agents WHERE coalesce(heard_at, wished_at) < now() - make_interval(hours => $1)`,
      [hours],
    );
  }
}
