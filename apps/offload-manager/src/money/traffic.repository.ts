import { Injectable } from '@nestjs/common';
import type { SentBytes } from '@purser/contracts';
import { Database } from '@purser/database';

export interface Traffic {
  sent: bigint;
  /** Null: as much as it likes. */
  bound: bigint | null;
}

@Injectable()
export class TrafficRepository {
  constructor(private readonly database: Database) {}

  /**
   * What a VM has sent in all, and what is paid for. Heartbeats may overtake each other: of each counter the most counts. An
   * agent that makes up ever new counters is heard of the first hundred.
   */
  async note(vmId: string, { counter, bytes }: SentBytes): Promise<Traffic | undefined> {
    const [row] = await this.database.query<Traffic>(
      `WITH noted AS (
         INSERT INTO vm_traffic AS t (vm_id, counter, sent_bytes)
         SELECT id, $2::text, $3::bigint FROM vms
          WHERE id = $1 AND (SELECT count(*) FROM vm_traffic o WHERE o.vm_id = $1 AND o.counter <> $2) < 100
         ON CONFLICT (vm_id, counter) DO UPDATE SET sent_bytes = greatest(t.sent_bytes, excluded.sent_bytes)
         RETURNING sent_bytes)
       SELECT egress_bytes AS bound,
              (coalesce((SELECT sent_bytes FROM noted), 0)
                + coalesce((SELECT sum(sent_bytes) FROM vm_traffic WHERE vm_id = $1 AND counter <> $2), 0))::bigint AS sent
         FROM vms WHERE id = $1`,
      [vmId, counter, bytes],
    );
    return row;
  }
}
