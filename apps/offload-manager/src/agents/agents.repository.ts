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

  /** With the preemption that it has ever spoken of. */
  async hear(beat: VmHeartbeat): Promise<Pick<AgentRow, 'wish' | 'preemption_at'>> {
    const [row] = await this.database.query<Pick<AgentRow, 'wish' | 'preemption_at'>>(
      `INSERT INTO vm_agents AS a
         (vm_id, component, heard_at, healthy, serving, in_flight, memory_mb, preemption_at)
       VALUES ($1, $2, now(), $3, $4, $5, $6, $7::timestamptz)
       ON CONFLICT (vm_id) DO UPDATE SET heard_at = now(), healthy = excluded.healthy, serving = excluded.serving,
         in_flight = excluded.in_flight, memory_mb = excluded.memory_mb,
         preemption_at = coalesce(a.preemption_at, excluded.preemption_at)
       RETURNING wish, preemption_at`,
      [beat.vm, beat.component, beat.healthy, beat.serving, beat.inFlight, beat.memoryMb, beat.preemption ?? null],
    );
    if (!row) throw new Error(`no row for the agent of VM ${beat.vm}`);
    return row;
  }

  async find(vmId: string): Promise<AgentRow | undefined> {
    const [row] = await this.database.query<AgentRow>('SELECT * FROM vm_agents WHERE vm_id = $1', [vmId]);
    return row;
  }

  /** Of VMs that are over nobody asks any more. */
  async forgetUnheardFor(hours: number): Promise<void> {
    await this.database.query(
      `DELETE FROM vm_agents WHERE coalesce(heard_at, wished_at) < now() - make_interval(hours => $1)`,
      [hours],
    );
  }
}
